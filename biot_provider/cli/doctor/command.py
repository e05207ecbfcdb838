"""`biot-provider doctor`: one line for each thing a deployment needs, what is found, or what to do.

It changes nothing on the platform and prints no secret. After a problem it runs the checks that do not depend on it.
"""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from biot_provider.cli.commands import FOLDER, Command, complete_stack
from biot_provider.cli.console import print_result
from biot_provider.cli.doctor.report import (
    NOT_CHECKED,
    NOTE,
    OK,
    PROBLEM,
    Finding,
    NoteError,
    Thing,
    print_json,
    print_report,
)
from biot_provider.cli.errors import CommandError
from biot_provider.cli.progress import Progress
from biot_provider.errors import BiotError

if TYPE_CHECKING:
    from biot_provider.api.client import Client
    from biot_provider.cli.doctor.permissions import KindPermissions, Permission
    from biot_provider.cli.project import configuration
    from biot_provider.cli.project.project import Project
    from biot_provider.cli.project.stack import Stack
    from biot_provider.config import Settings


@click.command(
    "doctor",
    cls=Command,
    help="Check all that a deployment needs.",
    exit_codes={0: "no problem", 1: "a problem", 2: "wrong usage", 130: "after Ctrl-C"},
    exclusive=("--json", "--verbose"),
)
@click.option(
    "--stack",
    metavar="NAME",
    shell_complete=complete_stack,
    help="take this stack's configuration, then the environment's",
)
@click.option("--plugins", type=FOLDER, metavar="FOLDER", help="where the plugins are described (default: plugins)")
@click.option("-v", "--verbose", "is_long", is_flag=True, help="print every check, and the whole of what is fine")
@click.option("--json", "as_json", is_flag=True, help="print a JSON object for each check")
def command(stack: str | None, plugins: Path | None, is_long: bool, as_json: bool) -> int:
    """Run all checks."""
    with ExitStack() as closing:
        progress = closing.enter_context(Progress())
        doctor = Doctor(stack, plugins, progress, closing)
        if as_json:
            return 1 if print_json(doctor.things(), progress) else 0
        problems = print_report(doctor.things(), progress, is_long=is_long)
        print_result(f"next: {doctor.next_step(problems)}")
        return 1 if problems else 0


class Doctor:
    """One run of all checks, in the order in which they depend on each other."""

    def __init__(self, stack: str | None, plugins: Path | None, progress: Progress, closing: ExitStack) -> None:
        self._stack_name = stack
        self._plugins = plugins
        self._progress = progress
        self._closing = closing
        self._secrets: list[str] = []
        self._project: Project | CommandError = CommandError("", None)
        self._stack: Stack
        self._file: configuration.StackFile | None = None
        self._settings: Settings | None = None
        self._client: Client | None = None
        self._date: str | None = None

    def things(self) -> Iterator[Thing]:
        """Run the checks, and give what each thing is found to be as soon as it is known."""
        # Imported here so that the other commands start without these slow modules.
        from biot_provider.cli.doctor.builds import builds
        from biot_provider.cli.doctor.images import images
        from biot_provider.cli.project.project import find_project
        from biot_provider.cli.project.stack import Stack

        try:
            self._project = find_project(Path.cwd())
            self._stack = Stack(self._stack_name, self._project)
        except CommandError as problem:
            self._project = problem
            self._stack = Stack(self._stack_name)
        yield self._thing("configuration", self._check_configuration)
        yield from self._platform()
        yield self._thing("engine", self._check_engine)
        yield self._thing("images", images)
        yield self._thing("builds", builds)
        yield self._thing("writing", self._check_places)
        yield self._thing("project", self._check_project)
        is_wanted = self._plugins is not None or not isinstance(self._project, CommandError)
        yield self._thing("plugins", self._check_plugins, when=is_wanted)

    def next_step(self, problems: int) -> str:
        """Return what to do after the report."""
        option = f" --stack {shlex.quote(self._stack_name)}" if self._stack_name else ""
        if not problems:
            return f"pulumi preview{option}"
        if not self._stack_name and not self._settings and not isinstance(self._project, CommandError):
            stacks = self._project.stack_names()
            if stacks:
                stack = "local" if "local" in stacks else stacks[0]  # which needs no account
                return f"name a stack, as in `biot-provider doctor --stack {stack}`"
        return f"correct {'it' if problems == 1 else 'them'}, then run `biot-provider doctor{option}` again"

    def _platform(self) -> Iterator[Thing]:
        from biot_provider.cli.doctor.permissions import KINDS, PERMISSIONS

        address = self._check("address", self._check_address, when=self._settings is not None)
        certificate = self._check("certificate", self._check_certificate, when=address.has_passed)
        yield Thing("connection", [address, certificate], address.text)
        version = self._check("platform", self._check_version, when=certificate.has_passed)
        yield Thing("platform", [version])
        yield self._thing("clock", self._check_clock, when=version.has_passed)
        identity = self._check("identity", self._check_identity, when=certificate.has_passed)
        yield Thing("identity", [identity])
        known = identity.has_passed
        permissions = [self._check(p.name, partial(self._check_permission, p), when=known) for p in PERMISSIONS]
        yield Thing("permissions", permissions, "all that biot.Plugin needs")
        kinds = [self._check(kind.resource, partial(self._check_kind, kind), when=known) for kind in KINDS]
        yield Thing("resources", kinds, "all that every other resource needs")

    def _thing(self, name: str, check: Callable[[], str], *, when: bool = True) -> Thing:
        return Thing(name, [self._check(name, check, when=when)])

    def _check(self, name: str, check: Callable[[], str], *, when: bool = True) -> Finding:
        """Run one check."""
        from biot_provider.api.redaction import redact

        if not when:
            return Finding(name, NOT_CHECKED, "")
        self._progress.show(f"checking {name}")
        state, code = OK, None
        try:
            text = check()
        except BiotError as error:
            state = NOTE if isinstance(error, NoteError) else PROBLEM
            text, code = error.text, error.message_code
        except Exception as error:
            # A defect of this program must not stop the other checks, and the text of its error may hold a secret.
            state = PROBLEM
            text = f"this check itself failed ({type(error).__name__}): please report it"
            code = "BIOT-9002"
        return Finding(name, state, " ".join(redact(text, self._secrets).split()), code)

    def _check_configuration(self) -> str:
        if self._stack.name is not None:
            self._required_project()
        configured = self._stack.configured(self._secrets.extend)
        self._file, self._settings = configured.file, configured.settings
        return configured.sources

    def _check_address(self) -> str:
        from biot_provider.api.client import Client
        from biot_provider.cli.doctor.connection import address

        settings = self._required_settings()
        if settings.is_embedded:
            return self._open_embedded(settings)
        text = address(settings)
        self._client = Client.connect(settings)
        self._closing.callback(self._client.close)
        return text

    def _open_embedded(self, settings: Settings) -> str:
        """Open the embedded platform of the stack, or an empty temporary one where the stack has no data yet."""
        from biot_provider.api.client import Client

        folder = settings.embedded_folder(self._stack.short_name)
        data = self._stack.folder / folder
        text = f"in this process, its data in {folder}"
        if not data.exists():
            data = Path(self._closing.enter_context(tempfile.TemporaryDirectory()))
            text = f"in this process; {folder} has no data yet"
        self._client = Client.connect(replace(settings, base_url=f"embedded:{data}"))
        self._closing.callback(self._client.close)
        return text

    def _check_certificate(self) -> str:
        from biot_provider.cli.doctor.connection import certificate

        settings = self._required_settings()
        if settings.is_embedded:
            return "not needed in this process"
        if settings.base_url.startswith("http:"):
            return "not needed for plain HTTP on this machine"
        return certificate(settings)

    def _check_version(self) -> str:
        from biot_provider.cli.doctor.connection import platform

        text, self._date = platform(self._required_client())
        return text

    def _check_clock(self) -> str:
        from biot_provider.cli.doctor.connection import clock

        return "this machine's own" if self._required_settings().is_embedded else clock(self._date)

    def _check_identity(self) -> str:
        from biot_provider.cli.doctor.connection import identity

        return identity(self._required_client())

    def _check_permission(self, required: Permission) -> str:
        from biot_provider.cli.doctor.permissions import permission

        return permission(self._required_client(), required)

    def _check_kind(self, required: KindPermissions) -> str:
        from biot_provider.cli.doctor.permissions import kind

        return kind(self._required_client(), required)

    def _check_places(self) -> str:
        from biot_provider.cli.doctor.writing import writing

        settings = self._settings
        data = settings.embedded_folder(self._stack.short_name) if settings and settings.is_embedded else None
        return writing(self._stack.folder, data, os.environ)

    def _check_engine(self) -> str:
        from biot_provider.cli.doctor.project import engine

        return engine(is_python=isinstance(self._project, CommandError) or self._project.runtime == "python")

    def _check_project(self) -> str:
        from biot_provider.cli.doctor.project import check_project

        return check_project(self._required_project())

    def _check_plugins(self) -> str:
        from biot_provider.cli.doctor.project import plugins

        project = self._stack.project
        folder = self._plugins or self._stack.folder / "plugins"
        key = f"{project.name}:plugins" if project else ""
        program = project.program if project and not self._plugins else None
        return plugins(folder, self._file.content.get(key) if self._file else None, program)

    def _required_project(self) -> Project:
        if isinstance(self._project, CommandError):
            raise self._project
        return self._project

    def _required_settings(self) -> Settings:
        assert self._settings is not None  # noqa: S101  (used only after the configuration was read)
        return self._settings

    def _required_client(self) -> Client:
        assert self._client is not None  # noqa: S101  (used only after the address was found)
        return self._client
