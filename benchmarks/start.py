"""The time before the first line of a program and the first resource, measured in turn in one run.

All results are processor seconds, which other load on the machine changes little.

1. The program: its import of ``biot.Plugin``, against ``import pulumi`` alone.
2. The native provider's process: from its start to its first answered check, against one that imports what any
   provider in Python does.
3. The language host on PATH: from its start until it has named the plugins that the installed packages need, which is
   what the engine waits for before the program starts; against a start of Python. Pulumi's own host runs pip for it.
"""

from __future__ import annotations

import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import grpc
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, provider_pb2, provider_pb2_grpc

ROUNDS = 11


def main() -> None:
    """Print the rows."""
    _row(
        "the program's import of biot.Plugin",
        lambda: _python("import pulumi; import biot_provider as biot; biot.Plugin"),
        lambda: _python("import pulumi"),
        "import pulumi",
    )
    _row(
        "the native provider's process to its first check",
        _native_check,
        lambda: _python("import grpc, pulumi.runtime.proto.provider_pb2_grpc"),
        "its imports of Pulumi's SDK",
    )
    _row("the language host before the program starts", _language_host, lambda: _python("pass"), "python -c pass")


def _row(title: str, ours: Callable[[], None], bare: Callable[[], None], than: str) -> None:
    _seconds(ours), _seconds(bare)  # a round that does not count, for the caches
    pairs = [(_seconds(ours), _seconds(bare)) for _ in range(ROUNDS)]
    a, b = (statistics.median(column) for column in zip(*pairs, strict=True))
    more = statistics.median(a - b for a, b in pairs)
    sys.stdout.write(
        f"{title}: {a:.2f} s of a processor against {b:.2f} s for {than}: difference {more:+.2f} s ({ROUNDS} pairs)\n"
    )
    sys.stdout.flush()


def _seconds(run: Callable[[], None]) -> float:
    """Return the processor seconds of the processes that it starts, and of theirs."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _python(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603


def _native_check() -> None:
    with subprocess.Popen([sys.executable, "-m", "biot_provider.native"], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None  # noqa: S101
            with grpc.insecure_channel(f"127.0.0.1:{int(process.stdout.readline())}") as channel:
                calls = provider_pb2_grpc.ResourceProviderStub(channel)
                configure = provider_pb2.ConfigureRequest()
                configure.args["baseUrl"] = "embedded"
                calls.Configure(configure)
                request = provider_pb2.CheckRequest(urn="urn:pulumi:bench::bench::biot:index:Plugin::bench")
                request.news["name"] = "bench"
                if calls.Check(request).failures:
                    raise SystemExit("the check was to find nothing")
        finally:
            process.kill()


def _language_host() -> None:
    command = shutil.which("pulumi-language-python")
    if command is None:
        raise SystemExit("pulumi-language-python is not on PATH: run `make bench`")
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as engine:
        (Path(folder) / "__main__.py").touch()
        options = Struct()
        options.update({"virtualenv": sys.prefix})
        info = language_pb2.ProgramInfo(
            root_directory=folder, program_directory=folder, entry_point=".", options=options
        )
        with subprocess.Popen([command, f"127.0.0.1:{engine.getsockname()[1]}"], stdout=subprocess.PIPE) as process:  # noqa: S603
            try:
                assert process.stdout is not None  # noqa: S101
                with grpc.insecure_channel(f"127.0.0.1:{int(process.stdout.readline())}") as channel:
                    calls = language_pb2_grpc.LanguageRuntimeStub(channel)
                    calls.GetRequiredPackages(language_pb2.GetRequiredPackagesRequest(info=info))
            finally:
                process.kill()


if __name__ == "__main__":
    main()
