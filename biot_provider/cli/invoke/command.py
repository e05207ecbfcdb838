"""`biot-provider invoke`: run a plugin's handler on this machine with the calls it would get from the platform.

It runs exactly the files that would be packaged, within the plugin's time and memory limits. An embedded platform
runs for the duration of the command and signs the tokens of the calls.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from ..console import print_problem, print_result
from .usage import UsageProblem, read_text

if TYPE_CHECKING:
    from biot_provider.emulator.functions.runtime import Invocation

    from .plugin import LocalPlugin
    from .sender import Sender

_POLL_SECONDS = 0.2
"""Seconds between two looks at the files, and for how long they must stay unchanged before the next run."""

_EPILOG = """\
KIND is pre, post, adapt (the three interceptions), notification, cron, direct, or the path of a JSON file: a whole
event, or with --kind the body of one. Without --event each call is made that the plugin subscribes to.
Exit code: 0 all is well, 1 the plugin failed or the platform would not take its answer, 2 wrong usage.
"""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "invoke",
        help="run a plugin here with realistic events",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "folder", type=Path, metavar="FOLDER", help="the plugin: a folder with a plugin.yaml, or a .zip"
    )
    parser.add_argument("--event", metavar="KIND", help="which call to make (see below)")
    parser.add_argument("--kind", metavar="KIND", help="of which call the file given with --event is the body")
    parser.add_argument("--entity", metavar="NAME", help="the entity, such as patient")
    parser.add_argument("--action", metavar="NAME", help="what happened to it, such as _create")
    parser.add_argument(
        "--api-id", metavar="ID", help="the intercepted API, such as POST/organization/v1/users/patients"
    )
    parser.add_argument("--data", metavar="JSON", help="the call's own body or entity: JSON, or the path of a file")
    parser.add_argument("--env", action="append", default=[], metavar="KEY=VALUE", help="a variable; may be repeated")
    parser.add_argument("--env-file", type=Path, metavar="FILE", help="variables, one KEY=VALUE a line")
    parser.add_argument("--runtime", metavar="NAME", help="in place of the one in plugin.yaml, such as python3.13")
    parser.add_argument("--handler", metavar="NAME", help="in place of the one in plugin.yaml, such as index.handler")
    parser.add_argument("--watch", action="store_true", help="run again whenever a file is saved, until Ctrl-C")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Make the calls; the exit code is 0 for success, 1 for a failed call, 2 for wrong usage, 130 after Ctrl-C."""
    try:
        with ExitStack() as closing:
            session = _Session(arguments, closing)
            return session.watch() if arguments.watch else session.run()
    except UsageProblem as problem:
        print_problem(str(problem))
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader has closed the pipe; Python would write to it once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


class _Session:
    """Runs of one plugin; `closing` closes what they share."""

    def __init__(self, arguments: argparse.Namespace, closing: ExitStack) -> None:
        self._arguments = arguments
        self._closing = closing
        self._sender: Sender | None = None

    def run(self) -> int:
        """Read the plugin, make its calls and return the exit code."""
        from biot_provider.errors import BiotError

        try:
            return self._run()
        except BiotError as error:
            for line in str(error).splitlines():
                print_problem(line)
            return 1

    def watch(self) -> int:
        """Run, and run again at each save, until Ctrl-C. A mistake is printed and does not end the loop."""
        while True:
            before = self._fingerprint()
            try:
                self.run()
            except UsageProblem as problem:
                print_problem(str(problem))
            print_result("")
            print_result(f"waiting for a save in {self._arguments.folder}; Ctrl-C ends")
            while (now := self._fingerprint()) == before:
                time.sleep(_POLL_SECONDS)
            while (later := self._fingerprint()) != now:
                now = later
                time.sleep(_POLL_SECONDS)
            changed = [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]
            print_result(f"--- {time.strftime('%H:%M:%S')} saved: {', '.join(Path(name).name for name in changed[:3])}")

    def _run(self) -> int:
        from biot_provider.emulator.functions.runtime import Function, FunctionSettings

        from .calls import EventOptions, notes, plan_calls
        from .plugin import read_local_plugin, stage
        from .report import Report

        arguments = self._arguments
        plugin = read_local_plugin(arguments.folder, arguments.runtime, arguments.handler)
        given_variables = _variables(arguments.env_file, arguments.env)
        options = EventOptions(
            event=arguments.event,
            kind=arguments.kind,
            entity=arguments.entity,
            action=arguments.action,
            api_id=arguments.api_id,
            data=arguments.data,
        )
        calls = plan_calls(plugin, options)
        with tempfile.TemporaryDirectory() as folder:
            staged = Path(folder, "package")
            staged.mkdir()
            package = stage(plugin, staged, lambda line: print_result(f"{plugin.inputs.name}: {line}"))
            fitted = _fitted(staged, plugin.runtime)
            sender = self._start_sender()
            inputs = plugin.inputs
            settings = FunctionSettings(
                name=inputs.name,
                runtime=plugin.runtime,
                handler=plugin.handler,
                timeout=inputs.timeout,
                memory_size=inputs.memory_size,
                ephemeral_storage=inputs.ephemeral_storage,
                variables={**inputs.environment_variables, **sender.variables(plugin.display_name), **given_variables},
            )
            _print_plugin(plugin, len(package.files), package.size)
            report = Report(sender.secrets)
            succeeded = True
            if fitted:
                print_result(f"note: {fitted}")
            with Function(staged, settings) as function:
                for number, call in enumerate(calls, start=1):
                    event = sender.event(call)
                    report.begin(call, event, notes(call))
                    invocation = function.invoke(event, log=report.log)
                    succeeded = report.end(event, invocation, inputs.memory_size) and succeeded
                    if _is_not_loaded(invocation) and number < len(calls):
                        print_result("")
                        print_result(f"The code cannot be loaded: {len(calls) - number} more calls were not made.")
                        break
        return 0 if succeeded else 1

    def _start_sender(self) -> Sender:
        """Return the sender; the first call starts its platform."""
        from biot_provider.emulator import Platform
        from biot_provider.emulator.http.server import Background

        from .sender import Sender, log_in

        if self._sender is None:
            folder = Path(self._closing.enter_context(tempfile.TemporaryDirectory()))
            platform = self._closing.enter_context(Platform(folder))
            server = self._closing.enter_context(Background(platform.api_app, 0))
            self._sender = Sender(platform, server.base_url, log_in(platform, server.base_url))
        return self._sender

    def _fingerprint(self) -> dict[str, tuple[int, int]]:
        from .plugin import fingerprint

        arguments = self._arguments
        texts = [text for text in (arguments.event, arguments.data) if text]
        files = [Path(text) for text in texts if os.path.isfile(text)]  # noqa: PTH113  (no error for what can be no path)
        return fingerprint(*(place for place in (arguments.folder, arguments.env_file, *files) if place))


def _fitted(folder: Path, runtime: str) -> str | None:
    """Have the package's distributions fit the interpreter that is here, and return what was done for that."""
    from biot_provider.emulator.functions.runtime import FittingError, fit
    from biot_provider.errors import PackagingError

    try:
        return fit(folder, runtime)
    except FittingError as error:
        raise PackagingError(str(error), "BIOT-8064") from None


def _is_not_loaded(invocation: Invocation) -> bool:
    """Return whether the code failed to load, so that no call can be made."""
    too_large = invocation.error_type == "RequestTooLargeException"
    return invocation.error is not None and not invocation.duration and not too_large


def _print_plugin(plugin: LocalPlugin, files: int, size: int) -> None:
    inputs = plugin.inputs
    what = f"{files} file{'s' if files != 1 else ''}, {_bytes(size)}"
    print_result(
        f"{inputs.name}: {plugin.runtime}, {plugin.handler}, {what}; {inputs.timeout} s, {inputs.memory_size} MB"
    )


def _bytes(size: int) -> str:
    if size < 1 << 10:
        return f"{size} bytes"
    if size < 1 << 20:
        return f"{size / (1 << 10):.1f} kB"
    return f"{size / (1 << 20):.1f} MB"


def _variables(file: Path | None, pairs: list[str]) -> dict[str, str]:
    """Return the variables of the file, overridden by those of the options.

    Raises UsageProblem, which quotes no value.
    """
    found: dict[str, str] = {}
    try:
        lines = read_text(file).splitlines() if file else []
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise UsageProblem(f"--env-file: {file} cannot be read ({reason})", "BIOT-8060") from None
    for number, line in enumerate(lines, start=1):
        text = line.strip().removeprefix("export ").lstrip()
        if text and not text.startswith("#"):
            name, value = _pair(text, f"--env-file: {file}, line {number}")
            quoted = len(value) >= 2 and value[0] == value[-1] and value[0] in "'\""
            found[name] = value[1:-1] if quoted else value
    return found | dict(_pair(text, "--env") for text in pairs)


def _pair(text: str, place: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    name = name.strip()
    if not equals or not name.isidentifier() or not name.isascii():
        raise UsageProblem(f"{place}: a variable is written KEY=VALUE, the key of letters, digits and _", "BIOT-8060")
    return name, value.strip()
