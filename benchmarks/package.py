"""Packages: zipped beside Info-ZIP, read once in an `up`, sent many at once, and an image that did not change.

Part of `make bench`. Where `zip` is not installed, that row says so.
"""

from __future__ import annotations

import collections
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime.proto import provider_pb2
from run import ROUNDS, provider_process, say

from biot_provider.api.client import Client
from biot_provider.api.session import Session
from biot_provider.api.transport import open_transport
from biot_provider.config import Settings
from biot_provider.emulator import Platform
from biot_provider.emulator.http.server import running
from biot_provider.package import known_files
from biot_provider.package.package import package_to_deploy, reread_package
from biot_provider.provider.image import PluginImageProvider
from biot_provider.provider.plugin import PluginProvider

TREE_BYTES = 36 * 10**6
UPLOADS = 16
UPLOAD_BYTES = 45 * 10**6
PARTS = 20
"""Files of a plugin, and of an image's context beside a library of 20 MB."""
_NEW = {"version": 1, "runtime": "python3.13"}

WATCH = """\
import os, sys

def note(event, arguments):
    path = arguments[0] if event == "open" else None
    if isinstance(path, str) and path.startswith(os.environ["WATCHED"]):
        log = os.open(os.environ["WATCH_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(log, (path + "\\n").encode())
        os.close(log)

sys.addaudithook(note)
"""


def load() -> str:
    """Return the machine's load, as rows show it."""
    return f"load {os.getloadavg()[0]:.1f}"


def tree(folder: Path) -> int:
    """Copy Python files of this environment until there are 36 MB; return how many."""
    site = Path(sysconfig.get_path("purelib"))
    left, count = TREE_BYTES, 0
    # Big and small ones as in the dependencies of a plugin, 19 KB on average.
    found = [path for name in ("pip", "pydantic", "pygments", "sympy") for path in (site / name).rglob("*.py")]
    for path in sorted(found):
        target = folder / path.relative_to(site)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
        left, count = left - path.stat().st_size, count + 1
        if left <= 0:
            break
    return count


def timed(action: Callable[[], object]) -> tuple[float, float]:
    """Seconds on the clock, and of the processors."""
    before, started = sum(os.times()[:4]), time.perf_counter()
    action()
    return time.perf_counter() - started, sum(os.times()[:4]) - before


def beside_info_zip(root: Path) -> None:
    """Read, hash and zip a tree that nothing is known of, beside `zip -r`."""
    code, theirs = root / "code", root / "theirs.zip"
    count = tree(code)
    if not shutil.which("zip"):
        say("zip: not installed here, so it is not compared")
        return

    def ours() -> None:
        shutil.rmtree(root / "cache", ignore_errors=True)
        known_files._MEMORY.clear()
        package_to_deploy(code, None)

    def info_zip() -> None:
        theirs.unlink(missing_ok=True)
        subprocess.run(["zip", "-qr", str(theirs), "."], cwd=code, check=True)  # noqa: S603, S607

    timed(ours)
    timed(info_zip)
    pairs = [(*timed(ours), *timed(info_zip)) for _ in range(2 * ROUNDS + 1)]
    clock = statistics.median(a / b for a, _, b, _ in pairs)
    processor = statistics.median(a / b for _, a, _, b in pairs)
    (zipped,) = (root / "cache/zipped").iterdir()
    sizes = [path.stat().st_size / 10**6 for path in (zipped, theirs)]
    say(
        f"zip of {TREE_BYTES / 10**6:.0f} MB in {count} files, read and hashed too: {clock:.2f} of Info-ZIP's time,"
        f" {processor:.2f} of its processor time; {sizes[0]:.2f} MB, Info-ZIP {sizes[1]:.2f} MB ({load()})"
    )
    again = statistics.median(timed(lambda: reread_package(code))[0] for _ in range(ROUNDS))
    say(f"the same tree, nothing changed: {again * 1000:.0f} ms ({load()})")


def opens_in_an_up(root: Path) -> None:
    """Count how often an `up` and its preview open a plugin's files: when it is new, changed, and unchanged."""
    code, log = root / "plugins/hello", root / "opened"
    (code / "lib").mkdir(parents=True)
    for number in range(PARTS - 1):
        (code / f"lib/part{number}.py").write_text(f"NUMBER = {number}\n")
    (code / "index.py").write_text("def handler(event, context):\n    return {}\n")
    (root / "watch").mkdir()
    (root / "watch/sitecustomize.py").write_text(WATCH)
    (root / "state").mkdir()
    settings = {"name": "bench", "runtime": {"name": "python", "options": {"virtualenv": sys.prefix}}}
    (root / "Pulumi.yaml").write_text(json.dumps(settings | {"config": {"biot:baseUrl": "embedded"}}))
    (root / "__main__.py").write_text(
        'import biot_provider as biot\n\nbiot.Plugin("hello", code="plugins/hello", runtime="python3.13")\n'
    )
    environment = os.environ | {
        "PULUMI_BACKEND_URL": f"file://{root / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_SKIP_UPDATE_CHECK": "1",
        "BIOT_CACHE_DIR": str(root / "cache"),
        "PYTHONPATH": str(root / "watch"),
        "WATCHED": f"{code}/",
        "WATCH_LOG": str(log),
    }

    def pulumi(*words: str) -> str:
        command = ["pulumi", *words, "--stack", "bench", "--non-interactive"]
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        times = collections.Counter(lines).values()
        return f"{len(times)} files, each at most {max(times, default=0)} times"

    command = ["pulumi", "stack", "init", "bench"]
    subprocess.run(command, cwd=root, env=environment, capture_output=True, check=True)  # noqa: S603
    created = pulumi("up", "--yes")
    zips = len(list((root / "cache/zipped").iterdir()))
    (code / "index.py").write_text("def handler(event, context):\n    return {'statusCode': 200}\n")
    changed, unchanged = pulumi("up", "--yes"), pulumi("up", "--yes")
    say(
        f"files opened in an up with its preview: {created} when it is new (compressed {zips} time),"
        f" {changed} when one changed, {unchanged} when none did"
    )


def upload_many(url: str, service_id: str, folder: Path) -> None:
    """Read, zip and send all packages at once, and print what that took in memory."""
    settings = Settings(url, service_id, os.environ["KEY"])
    client = Client(Session(settings, open_transport(settings)))
    client.create_plugin({"name": "idle", "displayName": "Idle", **_NEW})
    idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    barrier = threading.Barrier(UPLOADS)

    def upload(number: int) -> None:
        code = folder / str(number)
        barrier.wait()
        package_to_deploy(code, None)
        with reread_package(code).zip() as content:
            client.create_plugin({"name": f"big-{number}", "displayName": "Big", **_NEW}, content)

    started = time.perf_counter()
    with ThreadPoolExecutor(UPLOADS) as threads:
        list(threads.map(upload, range(UPLOADS)))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - idle) / 1024
    say(
        f"{UPLOADS} uploads of {UPLOAD_BYTES / 10**6:.0f} MB at once: {grown:.0f} MB of memory over idle,"
        f" {time.perf_counter() - started:.0f} s ({load()})"
    )


def memory(root: Path) -> None:
    """Measure the uploads in a process of their own. Half of each package is one file, half are files of a megabyte."""
    for number in range(UPLOADS):
        folder = root / "uploads" / str(number)
        folder.mkdir(parents=True)
        (folder / "model.bin").write_bytes(os.urandom(UPLOAD_BYTES // 2))
        for part in range(UPLOAD_BYTES // 2 // 10**6):
            (folder / f"part{part}.bin").write_bytes(os.urandom(10**6))
    with Platform(root / "data") as platform, running(root / "data") as url:
        subprocess.run(  # noqa: S603
            [sys.executable, __file__, url, platform.service_id, str(root / "uploads")],
            env=os.environ | {"KEY": platform.service_secret_key},
            check=True,
        )


def image_checks(given: dict[str, Any], old: Any, folder: Path) -> tuple[float, float, Any]:
    """Milliseconds of the first and of a later check of an image in a new provider process, and what it found."""
    with provider_process(folder) as stub:
        # A plugin comes first, so that what all kinds share is there.
        request = provider_pb2.CheckRequest()
        request.news.update({"__provider": serialize_provider(PluginProvider()), "name": "bench"})
        stub.Check(request)
        request = provider_pb2.CheckRequest()
        request.news.update({"__provider": serialize_provider(PluginImageProvider()), **given})
        if old is not None:
            request.olds.CopyFrom(old)
        times = []
        for _ in range(3):
            started = time.perf_counter()
            response = stub.Check(request)
            times.append(1000 * (time.perf_counter() - started))
            if response.failures:
                raise SystemExit(f"the check was to find nothing:\n{response.failures}")
        return times[0], times[-1], response.inputs


def unchanged_image(root: Path) -> None:
    """Time the check of an image that did not change: the first one of an `up`, and those after it."""
    code = root / "code"
    code.mkdir()
    (code / "library.bin").write_bytes(os.urandom(20 * 1024**2))
    for number in range(PARTS):
        (code / f"part{number}.py").write_text(f"NUMBER = {number}\n")
    given = {
        "name": "bench",
        "code": str(code),
        "base_image": "public.ecr.aws/lambda/python:3.13",
        "handler": "part1.x",
    }
    cold, _, inputs = image_checks(given, None, root)  # the preview
    runs = [image_checks(given, inputs, root)[:2] for _ in range(2 * ROUNDS + 1)]
    first, then = (statistics.median(column) for column in zip(*runs, strict=True))
    say(
        f"check of an unchanged image of 20 MB in an up: {first:.1f} ms the first time, then {then:.1f} ms;"
        f" {cold:.1f} ms where nothing is known of it ({load()})"
    )


def main() -> None:
    """Run all of them in a folder and a cache of their own."""
    if len(sys.argv) > 1:
        upload_many(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
        return
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        for name, measure in (
            ("zip", beside_info_zip),
            ("up", opens_in_an_up),
            ("memory", memory),
            ("image", unchanged_image),
        ):
            (root / name).mkdir()
            os.environ["BIOT_CACHE_DIR"] = str(root / name / "cache")
            measure(root / name)


if __name__ == "__main__":
    main()
