"""A stack of a hundred plugins on a platform with 50 ms per request: part of `make bench`.

1. `pulumi refresh`, against the same on a platform that takes no time: seconds and requests.
2. `pulumi up` that creates them, each with code, against as many bare resources on no platform, which is the engine's
   own time, and against what one would write instead: a script with 16 threads.
3. What the state holds of one plugin, against one bare resource.
4. What a search of a hundred plugins takes of the embedded platform's processor time.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from run import BARE_PROVIDER, processor_seconds, say

from biot_provider.emulator import Platform
from biot_provider.emulator.http.server import running

PLUGINS = 100
ROUNDS = 3
LATENCY = 0.05
TYPES = ("biot:Plugin", "bench:Bare")
HANDLER = "exports.handler = async () => ({ statusCode: 200 })\n"

OURS = """\
import biot_provider as biot

for number in range({plugins}):
    biot.Plugin(f"plugin-{{number}}", code="code", timeout=30, environment_variables={variables})
"""
BARE = """\
from bare import Bare

for number in range({plugins}):
    Bare(f"plugin-{{number}}", {{"code": "code", "timeout": 30, "environment_variables": {variables}}})
"""
BARE_SECRETS = """\
from bare import Bare
from pulumi import Output

variables = {{name: Output.secret(value) for name, value in {variables}.items()}}
for number in range({plugins}):
    Bare(f"plugin-{{number}}", {{"code": "code", "timeout": 30, "environment_variables": variables}})
"""
SCRIPT = """\
# Deploys plugins by the platform's API, without Pulumi: it creates, and no more. A second run would fail.
import io, json, os, sys, urllib.request, uuid, zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

BASE = os.environ["BIOT_BASE_URL"]


def send(path, body, content_type, token=""):
    headers = {"Content-Type": content_type} | ({"Authorization": f"Bearer {token}"} if token else {})
    with urllib.request.urlopen(urllib.request.Request(BASE + path, body, headers, method="POST")) as response:
        return json.load(response)


def zipped(folder):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder))
    return buffer.getvalue()


def create(number):
    config = {
        "name": f"plugin-{number}", "displayName": f"plugin-{number}", "version": 1, "runtime": "nodejs22.x",
        "handler": "index.handler", "timeout": 30, "environmentVariables": {"MODE": "strict", "LEVEL": "90"},
    }
    border = uuid.uuid4().hex
    body = (
        f'--{border}\\r\\nContent-Disposition: form-data; name="config"\\r\\n\\r\\n{json.dumps(config)}\\r\\n'
        f'--{border}\\r\\nContent-Disposition: form-data; name="code"; filename="code.zip"\\r\\n'
        "Content-Type: application/zip\\r\\n\\r\\n"
    ).encode() + zipped(Path("code")) + f"\\r\\n--{border}--\\r\\n".encode()
    send("/settings/v2/plugins", body, f"multipart/form-data; boundary={border}", token)


login = {"id": os.environ["BIOT_SERVICE_ID"], "secretKey": os.environ["BIOT_SERVICE_SECRET_KEY"]}
token = send("/ums/v2/services/accessToken", json.dumps(login).encode(), "application/json")["accessToken"]
with ThreadPoolExecutor(16) as threads:
    list(threads.map(create, range(int(sys.argv[1]))))
"""


class Took(NamedTuple):
    """Wall-clock seconds, and processor seconds of all started processes."""

    seconds: float
    processor: float


class Stack:
    """A project with one program, and a separate platform."""

    def __init__(
        self, folder: Path, program: str, *, files: int = 1, variables: int = 2, plugins: int = PLUGINS
    ) -> None:
        self.folder = folder
        (folder / "code" / "lib").mkdir(parents=True)
        (folder / "state").mkdir()
        (folder / "code" / "index.js").write_text(HANDLER)
        for number in range(files - 1):
            (folder / "code" / "lib" / f"module-{number}.js").write_text(f"exports.number = {number}\n")
        (folder / "bare.py").write_text(BARE_PROVIDER)
        (folder / "script.py").write_text(SCRIPT)
        settings = {"name": "bench", "runtime": {"name": "python", "options": {"virtualenv": sys.prefix}}}
        (folder / "Pulumi.yaml").write_text(json.dumps(settings))
        given = {f"VARIABLE_{number}": f"value-{number}" for number in range(variables)}
        (folder / "__main__.py").write_text(program.format(plugins=plugins, variables=given))
        self.platform: Platform
        self.environment: dict[str, str] = {}

    @contextmanager
    def served(self) -> Iterator[Stack]:
        """Serve the platform over HTTP meanwhile, with an empty stack."""
        with Platform(self.folder / "platform") as platform, running(self.folder / "platform") as address:
            self.platform = platform
            self.environment = os.environ | {
                "PULUMI_BACKEND_URL": f"file://{self.folder / 'state'}",
                "PULUMI_CONFIG_PASSPHRASE": "",
                "PULUMI_SKIP_UPDATE_CHECK": "1",
                "PYTHONPATH": str(self.folder),
                "BIOT_BASE_URL": address,
                "BIOT_SERVICE_ID": platform.service_id,
                "BIOT_SERVICE_SECRET_KEY": platform.service_secret_key,
            }
            self.run("pulumi", "stack", "init", "bench", "--non-interactive")
            yield self

    def run(self, *command: str) -> str:
        """Run a command to its end; return what it printed."""
        done = subprocess.run(  # noqa: S603
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def measured(self, *command: str, latency: float = 0.0) -> Took:
        """Measure a command on a platform with this delay per request."""
        self.platform.faults.clear()
        self.platform.request_log.clear()
        if latency:
            self.platform.faults.add(when="before", latency=latency, times=None)
        before, started = processor_seconds(), time.monotonic()
        self.run(*command)
        return Took(time.monotonic() - started, processor_seconds() - before)

    def pulumi(self, *words: str, latency: float = 0.0) -> Took:
        """Measure a command of Pulumi's."""
        return self.measured("pulumi", *words, "--yes", "--skip-preview", "--non-interactive", latency=latency)


def _load() -> str:
    return f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores"


def _medians(rounds: list[Took]) -> Took:
    return Took(*(statistics.median(column) for column in zip(*rounds, strict=True)))


def refresh(folder: Path) -> None:
    """Compare refreshes with and without the platform's time, in turn."""
    with Stack(folder, OURS).served() as stack:
        stack.pulumi("up")
        slow, quick = [], []
        for _ in range(ROUNDS):
            quick.append(stack.pulumi("refresh"))
            slow.append(stack.pulumi("refresh", latency=LATENCY))
        requests = len(stack.platform.requests())
    with_latency, without = _medians(slow), _medians(quick)
    more = statistics.median(a.seconds - b.seconds for a, b in zip(slow, quick, strict=True))
    say(
        f"refresh of {PLUGINS} at {1000 * LATENCY:.0f} ms: {with_latency.seconds:.2f} s, {requests} requests;"
        f" at 0 ms {without.seconds:.2f} s: difference {more:+.2f} s ({ROUNDS} pairs, {_load()})"
    )


def creates(folder: Path) -> None:
    """Compare creates with bare ones and with a script, in turn."""
    rounds: dict[str, list[Took]] = {"up": [], "bare": [], "script": []}
    for number in range(ROUNDS):
        with Stack(folder / f"ours-{number}", OURS).served() as stack:
            rounds["up"].append(stack.pulumi("up", latency=LATENCY))
        with Stack(folder / f"bare-{number}", BARE).served() as stack:
            rounds["bare"].append(stack.pulumi("up"))
        with Stack(folder / f"script-{number}", OURS).served() as stack:
            rounds["script"].append(stack.measured(sys.executable, "script.py", str(PLUGINS), latency=LATENCY))
    ours, bare, script = (_medians(rounds[name]) for name in ("up", "bare", "script"))
    more = statistics.median(a.seconds - b.seconds for a, b in zip(rounds["up"], rounds["bare"], strict=True))
    say(
        f"up that creates {PLUGINS} with code at {1000 * LATENCY:.0f} ms: {ours.seconds:.2f} s"
        f" ({ours.processor:.1f} s of processor); bare resources {bare.seconds:.2f} s ({bare.processor:.1f} s):"
        f" difference {more:+.2f} s; a script with 16 threads {script.seconds:.2f} s ({ROUNDS} rounds, {_load()})"
    )


def state(folder: Path) -> None:
    """Compare the size of one resource in state."""
    for files, variables in ((20, 0), (200, 0), (20, 10)):
        sizes = []
        for kind, program in (("ours", OURS), ("bare", BARE_SECRETS)):
            made = Stack(folder / f"{kind}-{files}-{variables}", program, files=files, variables=variables, plugins=1)
            with made.served() as stack:
                stack.pulumi("up")
                exported = json.loads(stack.run("pulumi", "stack", "export", "--non-interactive"))
            (found,) = (found for found in exported["deployment"]["resources"] if found["type"].endswith(TYPES))
            sizes.append(len(json.dumps(found, indent=4)) / 1000)
        say(
            f"state of a plugin of {files} files and {variables} variables: {sizes[0]:.1f} KB,"
            f" of a bare resource with as many secrets {sizes[1]:.1f} KB"
        )


def search(folder: Path) -> None:
    """Measure a search in this process, without HTTP."""
    with Platform(folder) as platform:
        config: dict[str, Any] = {"displayName": "x", "version": 1, "runtime": "nodejs22.x", "handler": "index.handler"}
        for number in range(PLUGINS):
            platform.plugins.create({"name": f"plugin-{number}", **config}, None)
        times = []
        for _ in range(20):
            started = time.process_time()
            platform.plugins.search({"limit": PLUGINS, "sort": [{"prop": "name", "order": "ASC"}]})
            times.append(time.process_time() - started)
    say(f"embedded platform, search of {PLUGINS} plugins: {1000 * statistics.median(times):.1f} ms of processor")


def main() -> None:
    """Run them all."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        for measure in (search, state, refresh, creates):
            measure(root / measure.__name__)


if __name__ == "__main__":
    main()
