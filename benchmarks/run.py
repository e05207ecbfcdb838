"""Benchmarks of a preview and of the provider's start, as ratios of two measurements in turn: `make bench`.

1. A preview of 200 plugins with nothing to change, each of 20 files and 2 variables, against the same program with 200
   bare dynamic resources; and against these with as many properties as a plugin has, which is the engine's own share.
2. The processor's time for a preview of 1,000, against bare resources, and against five times that of 200.
3. The provider process: from its start to its first answered check, against a bare dynamic provider's.

Absolute times depend on the machine and its load, which is shown; compare the ratio, pair by pair, and above all the
ratio of processor time.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import grpc
from pulumi.dynamic import ResourceProvider
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from biot_provider.provider.plugin import PluginProvider

PLUGINS = 200
MANY = 1000
FILES = 20
ROUNDS = 3

_PROJECT = """\
name: bench
runtime: {{name: python, options: {{virtualenv: {venv}}}}}
config:
  biot:baseUrl: embedded
"""

_ARGUMENTS = """\
for number in range({plugins}):
    arguments = {{
        "display_name": f"Plugin {{number}}",
        "code": "code",
        "runtime": "python3.13",
        "timeout": 30,
        "memory_size": 256,
        "environment_variables": {{"THRESHOLD": "90", "MODE": "strict"}},
    }}
"""

_OURS = f"""\
import biot_provider as biot

{_ARGUMENTS}
    biot.Plugin(f"plugin-{{{{number}}}}", **arguments)
"""

_BARE = f"""\
from bare import Bare

{_ARGUMENTS}
    Bare(f"plugin-{{{{number}}}}", arguments)
"""

_SAME_DATA = f"""\
import pulumi
from bare import Bare

files = {{{{f"part_{{{{number}}}}.py": "0123456789abcdef" for number in range({FILES})}}}}
{_ARGUMENTS}
    arguments["environment_variables"] = {{{{
        name: pulumi.Output.secret(value) for name, value in arguments["environment_variables"].items()
    }}}}
    others = {{{{f"property_{{{{number}}}}": "value" for number in range(16)}}}}
    Bare(f"plugin-{{{{number}}}}", {{{{**arguments, **others, "code_files": files}}}})
"""

BARE_PROVIDER = """\
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


class Taken(NamedTuple):
    """What a preview takes: seconds, and seconds of the processor in all its processes."""

    wall: float
    cpu: float


def project(folder: Path, program: str, plugins: int = PLUGINS) -> Callable[[], Taken]:
    """Deploy a program once; return a function that previews it."""
    (folder / "code").mkdir(parents=True)
    (folder / "code" / "index.py").write_text("def handler(event, context):\n    return {}\n")
    for number in range(1, FILES):
        (folder / "code" / f"part_{number}.py").write_text(f"VALUE = {number}\n" * 50)
    (folder / "Pulumi.yaml").write_text(_PROJECT.format(venv=sys.prefix))
    (folder / "bare.py").write_text(BARE_PROVIDER)
    (folder / "__main__.py").write_text(program.format(plugins=plugins))
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

    def preview() -> Taken:
        started, before = time.perf_counter(), processor_seconds()
        printed = pulumi("preview", "--stack", "bench")
        taken = Taken(time.perf_counter() - started, processor_seconds() - before)
        if f"{plugins + 1} unchanged" not in printed:
            raise SystemExit(f"the preview was to find nothing to change:\n{printed}")
        return taken

    pulumi("stack", "init", "bench")
    pulumi("up", "--stack", "bench", "--yes", "--skip-preview")
    return preview


def processor_seconds() -> float:
    """Seconds of the processor in all processes that have ended below this one."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def previews(root: Path) -> None:
    """Report the time of a preview, and its growth."""
    programs = {"ours": _OURS, "bare": _BARE, "same data": _SAME_DATA}
    measured = {name: project(root / name, program) for name, program in programs.items()}
    in_turn(measured, 1)  # a round that does not count, for the caches
    few = in_turn(measured, ROUNDS)
    many = in_turn({name: project(root / f"many {name}", programs[name], MANY) for name in ("ours", "bare")}, 1)
    for title, name in (
        ("", "ours"),
        (" of bare resources with as many properties, the engine's own share", "same data"),
    ):
        taken, wall, cpu = few[name][-1], *ratios(few[name], few["bare"])
        say(
            f"P1 preview of {PLUGINS}, nothing changed{title}: {wall:.2f} of the time of bare ones, {cpu:.2f} of their"
            f" processor's time ({taken.wall:.2f} s, {taken.cpu:.2f} s; {ROUNDS} rounds, load {_load()})"
        )
    _, cpu = ratios(many["ours"], many["bare"])
    growth = {name: many[name][0].cpu / statistics.median(taken.cpu for taken in few[name]) for name in many}
    say(
        f"P6 preview of {MANY}: {cpu:.2f} of the processor's time of bare ones ({many['ours'][0].cpu:.1f} s);"
        f" {growth['ours']:.1f} times that of {PLUGINS}, bare ones {growth['bare']:.1f} times (load {_load()})"
    )


def in_turn(measured: Mapping[str, Callable[[], Taken]], rounds: int) -> dict[str, list[Taken]]:
    """Measure each in turn."""
    taken = [{name: measure() for name, measure in measured.items()} for _ in range(rounds)]
    return {name: [each[name] for each in taken] for name in measured}


def ratios(ours: list[Taken], bare: list[Taken]) -> tuple[float, float]:
    """Return the medians of the ratios round by round, of the time and of the processor's time."""
    pairs = [*zip(ours, bare, strict=True)]
    return statistics.median(a.wall / b.wall for a, b in pairs), statistics.median(a.cpu / b.cpu for a, b in pairs)


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}"


@contextmanager
def provider_process(folder: Path) -> Iterator[provider_pb2_grpc.ResourceProviderStub]:
    """Start a provider process, configured for the embedded platform."""
    command = [sys.executable, "-u", "-m", "pulumi.dynamic"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=folder) as process:  # noqa: S603
        try:
            assert process.stdout is not None  # noqa: S101
            port = int(process.stdout.readline())
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                stub = provider_pb2_grpc.ResourceProviderStub(channel)
                configure = provider_pb2.ConfigureRequest()
                configure.args["biot:baseUrl"] = "embedded"
                stub.Configure(configure)
                yield stub
        finally:
            process.kill()


def first_check(provider: ResourceProvider, folder: Path) -> float:
    """Seconds from the start of the provider process to its first answered check."""
    started = time.perf_counter()
    with provider_process(folder) as stub:
        request = provider_pb2.CheckRequest()
        request.news["__provider"] = serialize_provider(provider)
        request.news["name"] = "bench"
        if stub.Check(request).failures:
            raise SystemExit("the check was to find nothing")
        return time.perf_counter() - started


def paired(title: str, ours: Callable[[], float], bare: Callable[[], float], rounds: int, than: str = "bare") -> None:
    """Measure the two in turn and report medians, the ratio pair by pair, and the difference."""
    ours(), bare()  # a round that does not count, for the caches
    pairs = [(ours(), bare()) for _ in range(rounds)]
    ratio = statistics.median(a / b for a, b in pairs)
    more = statistics.median(a - b for a, b in pairs)
    a, b = (statistics.median(column) for column in zip(*pairs, strict=True))
    say(
        f"{title}: {a:.2f} s against {b:.2f} s {than}: ratio {ratio:.2f}, difference {more:+.2f} s"
        f" ({rounds} pairs, load {_load()})"
    )


def main() -> None:
    """Run all benchmarks."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # installed modules are compiled once, so ours are too
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        previews(root)
        paired(
            "P9 provider process to its first check",
            lambda: first_check(PluginProvider(), root / "ours"),
            lambda: first_check(Bare(), root / "ours"),
            11,
        )


if __name__ == "__main__":
    main()
