"""`biot-provider invoke`: run a plugin's handler on this machine with the calls it would get from the platform.

It runs exactly the files that would be packaged, within the plugin's time and memory limits. An embedded platform
runs for the duration of the command and signs the tokens of the calls.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from biot_provider.cli.commands import FILE, FILE_OR_FOLDER, Command
from biot_provider.cli.console import counted, print_problem, print_result
from biot_provider.cli.errors import WrongUsageError
from biot_provider.cli.invoke.interrupt import Interrupt
from biot_provider.cli.invoke.usage import read_text
from biot_provider.cli.progress import Progress
from biot_provider.errors import BiotError, PackagingError, shown_size

if TYPE_CHECKING:
    from biot_provider.cli.invoke.plugin import LocalPlugin
    from biot_provider.cli.invoke.sender import Sender
    from biot_provider.emulator.functions.runtime import Invocation

_POLL_SECONDS = 0.2
"""Seconds between two looks at the files, and for how long they must stay unchanged before the next run."""

_DETAILS = """\
KIND is pre, post, adapt (the three interceptions), notification, cron, direct, or the path of a JSON file: a whole
event, or with --kind the body of one. Without --event each call is made that the plugin subscribes to.
"""


@dataclass(frozen=True, kw_only=True)
class EventOptions:
    """The options that select the calls; None where an option is not given."""

    event: str | None = None
    kind: str | None = None
    entity: str | None = None
    action: str | None = None
    api_id: str | None = None
    data: str | None = None


@dataclass(frozen=True, kw_only=True)
class Options(EventOptions):
    """What the user gives."""

    folder: Path
    env: tuple[str, ...] = ()
    env_file: Path | None = None
    runtime: str | None = None
    handler: str | None = None
    watch: bool = False
    json: bool = False


@click.command(
    "invoke",
    cls=Command,
    help="Run a plugin here with realistic events.",
    details=_DETAILS,
    exit_codes={
        0: "all is well",
        1: "the plugin failed or the platform would not take its answer",
        2: "wrong usage",
        130: "after Ctrl-C",
    },
)
@click.argument(
    "folder", type=FILE_OR_FOLDER, metavar="FOLDER", help="the plugin: a folder with a plugin.yaml, or a .zip"
)
@click.option("--event", metavar="KIND", help="which call to make (see below)")
@click.option("--kind", metavar="KIND", help="of which call the file given with --event is the body")
@click.option("--entity", metavar="NAME", help="the entity, such as patient")
@click.option("--action", metavar="NAME", help="what happened to it, such as _create")
@click.option("--api-id", metavar="ID", help="the intercepted API, such as POST/organization/v1/users/patients")
@click.option("--data", metavar="JSON", help="the call's own body or entity: JSON, or the path of a file")
@click.option("--env", multiple=True, metavar="KEY=VALUE", help="a variable; may be repeated")
@click.option("--env-file", type=FILE, metavar="FILE", help="variables, one KEY=VALUE a line")
@click.option("--runtime", metavar="NAME", help="in place of the one in plugin.yaml, such as python3.13")
@click.option("--handler", metavar="NAME", help="in place of the one in plugin.yaml, such as index.handler")
@click.option("--watch", is_flag=True, help="run again whenever a file is saved, until Ctrl-C")
@click.option("--json", is_flag=True, help="print a JSON object for each call")
def command(**given: Any) -> int:
    """Make the calls."""
    options = Options(**given)
    try:
        with ExitStack() as closing:
            session = _Session(options, closing)
            return session.watch() if options.watch else session.run()
    except KeyboardInterrupt:
        return 130


class _Session:
    """Runs of one plugin; `closing` closes what they share."""

    def __init__(self, options: Options, closing: ExitStack) -> None:
        self._options = options
        self._closing = closing
        self._sender: Sender | None = None

    def watch(self) -> int:
        """Run, and run again at each save, until Ctrl-C. A mistake is printed and does not end the loop."""
        interrupt = Interrupt()
        with interrupt.caught(), suppress(KeyboardInterrupt):
            while True:
                self._run_until_saved(interrupt)
        return 130

    def _run_until_saved(self, interrupt: Interrupt) -> None:
        """Run once, and wait for a save. Raises KeyboardInterrupt."""
        before = self._fingerprint()
        try:
            with interrupt.raised():
                self.run()
        except BiotError as error:
            for line in str(error).splitlines():
                print_problem(line)
        print_result("")
        print_result(f"waiting for a save in {self._options.folder}; Ctrl-C ends")
        while (now := self._fingerprint()) == before:
            interrupt.sleep(_POLL_SECONDS)
        while (later := self._fingerprint()) != now:
            now = later
            interrupt.sleep(_POLL_SECONDS)
        changed = [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]
        print_result(f"--- {time.strftime('%H:%M:%S')} saved: {', '.join(Path(name).name for name in changed[:3])}")

    def run(self) -> int:
        """Read the plugin, make its calls and return the exit code."""
        from biot_provider.cli.invoke.calls import notes, plan_calls
        from biot_provider.cli.invoke.plugin import read_local_plugin, stage
        from biot_provider.cli.invoke.report import JsonReport, Report, outcome_of
        from biot_provider.emulator.functions.runtime import Function, FunctionSettings

        given = self._options
        plugin = read_local_plugin(given.folder, given.runtime, given.handler)
        given_variables = _variables(given.env_file, given.env)
        calls = plan_calls(plugin, given)
        with tempfile.TemporaryDirectory() as folder:
            staged = Path(folder, "package")
            staged.mkdir()
            report = JsonReport() if given.json else Report()
            with Progress() as progress:
                progress.show("packaging")
                package = stage(plugin, staged, lambda notice: report.note(f"{plugin.inputs.name}: {notice}"))
                fitted = _fitted(staged, plugin.runtime)
                progress.show("starting the embedded platform")
                sender = self._start_sender()
                report.hide(sender.secrets)
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
            report.note(_described(plugin, len(package.files), package.size))
            succeeded = True
            if fitted:
                report.note(f"note: {fitted}")
            with Function(staged, settings) as function:
                for number, call in enumerate(calls, start=1):
                    event = sender.event(call)
                    report.begin(call, event, notes(call))
                    invocation = function.invoke(event, log=report.log)
                    outcome = outcome_of(event, invocation)
                    report.end(outcome, invocation, inputs.memory_size)
                    succeeded = succeeded and outcome.succeeded
                    if _is_not_loaded(invocation) and number < len(calls):
                        report.note("")
                        report.note(f"The code cannot be loaded: {len(calls) - number} more calls were not made.")
                        break
        return 0 if succeeded else 1

    def _start_sender(self) -> Sender:
        """Return the sender; the first call starts its platform."""
        from biot_provider.cli.invoke.sender import Sender, log_in
        from biot_provider.emulator import Platform
        from biot_provider.emulator.http.server import Background

        if self._sender is None:
            folder = Path(self._closing.enter_context(tempfile.TemporaryDirectory()))
            platform = self._closing.enter_context(Platform(folder))
            server = self._closing.enter_context(Background(platform.api_app, 0))
            self._sender = Sender(platform, server.base_url, log_in(platform, server.base_url))
        return self._sender

    def _fingerprint(self) -> dict[str, tuple[int, int]]:
        from biot_provider.cli.invoke.plugin import fingerprint

        given = self._options
        texts = [text for text in (given.event, given.data) if text]
        files = [Path(text) for text in texts if os.path.isfile(text)]  # noqa: PTH113  (no error for what can be no path)
        return fingerprint(*(place for place in (given.folder, given.env_file, *files) if place))


def _fitted(folder: Path, runtime: str) -> str | None:
    """Have the package's distributions fit the interpreter that is here, and return what was done for that."""
    from biot_provider.emulator.functions.runtime import FittingError, fit

    try:
        return fit(folder, runtime)
    except FittingError as error:
        raise PackagingError(str(error), "BIOT-8064") from None


def _is_not_loaded(invocation: Invocation) -> bool:
    """Return whether the code failed to load, so that no call can be made."""
    too_large = invocation.error_type == "RequestTooLargeException"
    return invocation.error is not None and not invocation.duration and not too_large


def _described(plugin: LocalPlugin, files: int, size: int) -> str:
    inputs = plugin.inputs
    what = f"{counted(files, 'file')}, {shown_size(size)}"
    return f"{inputs.name}: {plugin.runtime}, {plugin.handler}, {what}; {inputs.timeout} s, {inputs.memory_size} MB"


def _variables(file: Path | None, pairs: Iterable[str]) -> dict[str, str]:
    """Return the variables of the file, overridden by those of the options.

    Raises WrongUsageError, which quotes no value.
    """
    found: dict[str, str] = {}
    try:
        lines = read_text(file).splitlines() if file else []
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise WrongUsageError(f"--env-file: {file} cannot be read ({reason})", "BIOT-8060") from None
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
        raise WrongUsageError(
            f"{place}: a variable is written KEY=VALUE, the key of letters, digits and _", "BIOT-8060"
        )
    return name, value.strip()
