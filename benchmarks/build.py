"""From sources to a package, beside plain pip and, where it is installed, `sam build`: part of `make bench`.

1. Nothing changed: the check of a plugin that is built, against the same plugin without a build. Nothing may be built.
2. One source file changed: dependencies come from the cache.
3. Everything is built for the first time on this machine, with what the tools themselves keep.
"""

from __future__ import annotations

import itertools
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from run import say

from biot_provider.plugin.check import code_digests

ROUNDS = 5
CHECKS = 100
RUNTIME = f"python3.{min(sys.version_info.minor, 14)}"
LOCKED = (
    "markupsafe==3.0.3\nrequests==2.32.4\nidna==3.10\nurllib3==2.5.0\ncertifi==2025.8.3\ncharset-normalizer==3.4.3\n"
)
HANDLER = "def handler(event, context):\n    return {{}}\n\n# {number}\n"
SAM = f"""\
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties: {{CodeUri: code, Handler: index.handler, Runtime: {RUNTIME}}}
"""


def seconds(action: Callable[[], object]) -> float:
    """Return how long it takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def checked(code: Path, build: Any, old: Mapping[str, Any]) -> dict[str, Any]:
    """Return the digests that a preview computes for the code. Ends the program on a problem."""
    values = {"code": str(code), "build": build, "runtime": RUNTIME, "handler": "index.handler"}
    digests, problems = code_digests(values, old, lambda notice: reports.append(str(notice)))
    if problems:
        raise SystemExit("\n".join(map(str, problems)))
    return digests | {"handler": "index.handler"}


reports: list[str] = []
"""The lines that the checks reported: one for each build."""


def unchanged(code: Path) -> None:
    """Compare checks that find nothing to do."""
    built, plain = checked(code, "auto", {}), checked(code, None, {})
    reports.clear()
    pairs = [
        (seconds(lambda: checked(code, "auto", built)), seconds(lambda: checked(code, None, plain)))
        for _ in range(CHECKS)
    ]
    with_build, without = (1000 * statistics.median(column) for column in zip(*pairs, strict=True))
    more = 1000 * statistics.median(a - b for a, b in pairs)
    say(
        f"check of a plugin, nothing changed: {with_build:.2f} ms with build, {without:.2f} ms without:"
        f" {more:+.2f} ms, {len(reports)} builds ({CHECKS} pairs)"
    )


def pip_install(code: Path, folder: Path) -> None:
    """Make the package by hand, as in the AWS documentation."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(code, folder)
    where = ["--target", str(folder), "--platform", "manylinux2014_x86_64", "--python-version", RUNTIME[6:]]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *where]
    command += ["--only-binary", ":all:", "-r", str(code / "requirements.txt")]
    subprocess.run(command, check=True)  # noqa: S603
    shutil.make_archive(str(folder), "zip", folder)


def sam_build(folder: Path) -> None:
    """Make the package with AWS's own tool, without Docker."""
    subprocess.run(["sam", "build", "--cached"], cwd=folder, check=True, capture_output=True)  # noqa: S607


def main() -> None:
    """Run all of them in a folder and a cache of their own."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        os.environ["BIOT_CACHE_DIR"] = str(root / "cache")
        code = root / "sam" / "code"
        code.mkdir(parents=True)
        (root / "sam" / "template.yaml").write_text(SAM)
        (code / "requirements.txt").write_text(LOCKED)
        numbers = itertools.count()

        def change() -> None:
            (code / "index.py").write_text(HANDLER.format(number=next(numbers)))

        change()
        unchanged(code)
        others: dict[str, Callable[[], object]] = {"plain pip": lambda: pip_install(code, root / "by-hand")}
        if shutil.which("sam"):
            others["sam build --cached"] = lambda: sam_build(root / "sam")
        for title, clear in (("one source file changed", False), ("first build", True)):
            times: dict[str, list[float]] = {}
            for _ in range(ROUNDS):
                change()
                if clear:
                    shutil.rmtree(root / "cache")
                for name, action in {"ours": lambda: checked(code, "auto", {}), **others}.items():
                    times.setdefault(name, []).append(seconds(action))
            shown = ", ".join(f"{name} {statistics.median(found):.2f} s" for name, found in times.items())
            say(f"build, {title}: {shown} ({ROUNDS} rounds)")
        if not shutil.which("sam"):
            say("build: sam is not installed here, so it is not compared")


if __name__ == "__main__":
    main()
