"""The benchmarks, as ratios of two things measured in turn in one run: `make bench`.

1. A preview of 100 plugins with nothing to change, against the same program with 100 bare dynamic resources.
2. The provider process: from its start to its first answered check, against a bare dynamic provider's.

Absolute times depend on the machine; the ratio, pair by pair, is what is meant to be compared.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import grpc
from pulumi.dynamic import ResourceProvider
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from biot_provider.provider.plugin import PluginProvider

PLUGINS = 100
ROUNDS = 5

_PROJECT = """\
name: bench
runtime: {{name: python, options: {{virtualenv: {venv}}}}}
config:
  biot:baseUrl: embedded
"""

_ARGUMENTS = """\
    arguments = {
        "display_name": f"Plugin {number}",
        "code": "code",
        "runtime": "python3.13",
        "timeout": 30,
        "memory_size": 256,
        "environment_variables": {"THRESHOLD": "90", "MODE": "strict"},
    }
"""

_OURS = f"""\
import biot_provider as biot

for number in range({PLUGINS}):
{_ARGUMENTS}
    biot.Plugin(f"plugin-{{number}}", **arguments)
"""

_BARE = f"""\
from bare import Bare

for number in range({PLUGINS}):
{_ARGUMENTS}
    Bare(f"plugin-{{number}}", arguments)
"""

_BARE_PROVIDER = """\
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider


class BareProvider(ResourceProvider):
    serialize_as_secret_always = False

    def create(self, props):
        return CreateResult("id", props)

    def diff(self, _id, _olds, _news):
        return DiffResult(changes=False)


class Bare(Resource, module="bench", name="Bare"):
    def __init__(self, name, properties):
        super().__init__(BareProvider(), name, properties)
"""


class Bare(ResourceProvider):
    """A dynamic provider that does nothing."""

    serialize_as_secret_always = False


def say(line: str) -> None:
    """Print a line of the report."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def project(folder: Path, program: str) -> Callable[[], float]:
    """Deploy a program once; what is returned previews it and gives the seconds."""
    (folder / "code").mkdir(parents=True)
    (folder / "code" / "index.py").write_text("def handler(event, context):\n    return {}\n")
    (folder / "Pulumi.yaml").write_text(_PROJECT.format(venv=sys.prefix))
    (folder / "bare.py").write_text(_BARE_PROVIDER)
    (folder / "__main__.py").write_text(program)
    state = folder / "state"
    state.mkdir()
    environment = os.environ | {
        "PULUMI_BACKEND_URL": f"file://{state}",
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_SKIP_UPDATE_CHECK": "1",
        "PULUMI_SKIP_CHECKPOINTS": "true",
        "PYTHONPATH": str(folder),
    }

    def pulumi(*words: str) -> str:
        command = ["pulumi", *words, "--non-interactive"]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def preview() -> float:
        started = time.perf_counter()
        printed = pulumi("preview", "--stack", "bench")
        seconds = time.perf_counter() - started
        if f"{PLUGINS + 1} unchanged" not in printed:
            raise SystemExit(f"the preview was to find nothing to change:\n{printed}")
        return seconds

    pulumi("stack", "init", "bench")
    pulumi("up", "--stack", "bench", "--yes", "--skip-preview")
    return preview


def first_check(provider: ResourceProvider, folder: Path) -> float:
    """Seconds from the start of the provider process to its first answered check."""
    started = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "pulumi.dynamic"], stdout=subprocess.PIPE, cwd=folder
    ) as process:
        try:
            assert process.stdout is not None  # noqa: S101
            port = int(process.stdout.readline())
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                stub = provider_pb2_grpc.ResourceProviderStub(channel)
                configure = provider_pb2.ConfigureRequest()
                configure.args["biot:baseUrl"] = "embedded"
                stub.Configure(configure)
                request = provider_pb2.CheckRequest()
                request.news["__provider"] = serialize_provider(provider)
                request.news["name"] = "bench"
                if stub.Check(request).failures:
                    raise SystemExit("the check was to find nothing")
                return time.perf_counter() - started
        finally:
            process.kill()


def paired(title: str, ours: Callable[[], float], bare: Callable[[], float], rounds: int, than: str = "bare") -> None:
    """Measure the two in turn and report medians, the ratio pair by pair, and the difference."""
    ours(), bare()  # a round that does not count, for the caches
    pairs = [(ours(), bare()) for _ in range(rounds)]
    ratio = statistics.median(a / b for a, b in pairs)
    more = statistics.median(a - b for a, b in pairs)
    a, b = (statistics.median(column) for column in zip(*pairs, strict=True))
    say(f"{title}: {a:.2f} s against {b:.2f} s {than}: ratio {ratio:.2f}, difference {more:+.2f} s ({rounds} pairs)")


def main() -> None:
    """Run all benchmarks."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        ours, bare = project(root / "ours", _OURS), project(root / "bare", _BARE)
        paired(f"no-change preview of {PLUGINS}", ours, bare, ROUNDS)
        paired(
            "provider process to its first check",
            lambda: first_check(PluginProvider(), root / "ours"),
            lambda: first_check(Bare(), root / "ours"),
            2 * ROUNDS + 1,
        )


if __name__ == "__main__":
    main()
