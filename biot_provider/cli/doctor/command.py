"""`biot-provider doctor`: one line for each thing a deployment needs, `ok` or the remedy.

It changes nothing on the platform and prints no secret. After a problem it runs the checks that do not depend on it.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..console import print_problem, print_result
from .findings import Note, Problem

if TYPE_CHECKING:
    from biot_provider.api.client import Client
    from biot_provider.config import Settings

    from .configuration import Stack
    from .permissions import Kind, Permission
    from .project import Project

OK, NOTE, PROBLEM, NOT_CHECKED = "ok", "note", "problem", "not checked"


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser("doctor", help="check connection, permissions, engine and project")
    parser.add_argument("--stack", metavar="NAME", help="take this stack's configuration, then the environment's")
    parser.add_argument(
        "--plugins", type=Path, metavar="FOLDER", help="where the plugins are described (default: plugins)"
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object for each line")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run all checks; the exit code is 0 without a problem, 1 with one, 130 after Ctrl-C."""
    show = _as_json if arguments.json else _as_text
    try:
        with ExitStack() as closing:
            return Doctor(arguments.stack, arguments.plugins, show, closing).run()
    except KeyboardInterrupt:
        print_problem("stopped")
        return 130


@dataclass(frozen=True)
class Finding:
    """The result of one check."""

    check: str
    state: str
    text: str


def _as_text(finding: Finding) -> None:
    print_result(f"{finding.check:<29}  {finding.state:<11}  {finding.text}".rstrip())


def _as_json(finding: Finding) -> None:
    print_result(json.dumps(asdict(finding)))


class Doctor:
    """One run of all checks, in the order in which they depend on each other."""

    def __init__(
        self, stack: str | None, plugins: Path | None, show: Callable[[Finding], None], closing: ExitStack
    ) -> None:
        self._stack_name = stack
        self._plugins = plugins
        self._show = show
        self._closing = closing
        self._has_problem = False
        self._secrets: list[str] = []
        self._project: Project | Problem = Problem("")
        self._stack: Stack | None = None
        self._settings: Settings | None = None
        self._client: Client | None = None
        self._date: str | None = None

    def run(self) -> int:
        """Run all checks and return the exit code."""
        # Imported here so that `biot-provider emulator` starts without these slow modules.
        from .builds import builds
        from .images import images
        from .project import find_project

        try:
            self._project = find_project(Path.cwd())
        except Problem as problem:
            self._project = problem
        self._check("configuration", self._check_configuration)
        self._check_platform()
        self._check("engine", self._check_engine)
        self._check("images", images)
        self._check("builds", builds)
        self._check("writing", self._check_places)
        self._check("project", self._check_project)
        self._check("plugins", self._check_plugins)
        return 1 if self._has_problem else 0

    def _check_platform(self) -> None:
        from .permissions import KINDS, PERMISSIONS

        reached = self._check("address", self._check_address, when=self._settings is not None)
        trusted = self._check("certificate", self._check_certificate, when=reached)
        answered = self._check("platform", self._check_version, when=trusted)
        self._check("clock", self._check_clock, when=answered)
        known = self._check("identity", self._check_identity, when=trusted)
        for permission in PERMISSIONS:
            self._check(permission.name, partial(self._check_permission, permission), when=known)
        for kind in KINDS:
            self._check(kind.resource, partial(self._check_kind, kind), when=known)

    def _check(self, name: str, check: Callable[[], str], *, when: bool = True) -> bool:
        """Run one check and report its result; return whether it is `ok`."""
        if not when:
            self._report(name, NOT_CHECKED, "")
            return False
        state = OK
        try:
            text = check()
        except Note as note:
            state = NOTE
            text = str(note)
        except Problem as problem:
            state = PROBLEM
            text = str(problem)
        except Exception as error:
            # A defect of this program must not stop the other checks, and the text of its error may hold a secret.
            state = PROBLEM
            text = f"this check itself failed ({type(error).__name__}): please report it"
        self._report(name, state, text)
        return state == OK

    def _report(self, name: str, state: str, text: str) -> None:
        from biot_provider.api.redaction import redact

        self._has_problem = self._has_problem or state not in (OK, NOTE)
        self._show(Finding(name, state, " ".join(redact(text, self._secrets).split())))

    def _check_configuration(self) -> str:
        from . import configuration

        self._secrets += configuration.secrets(os.environ)
        self._stack = configuration.Stack()
        values: dict[str, Any] = {}
        if self._stack_name is not None:
            project = self._required_project()
            self._stack = configuration.read_stack(project, self._stack_name)
            values = configuration.decrypt(project, self._stack_name, self._stack)
            self._secrets += configuration.secrets(values)
        text, self._settings = configuration.settings(self._stack, values, os.environ)
        return text

    def _check_address(self) -> str:
        from biot_provider.api.client import Client
        from biot_provider.errors import ConfigError

        from .connection import address

        settings = self._required_settings()
        if settings.is_embedded:
            return self._open_embedded(settings)
        text = address(settings)
        try:
            self._client = Client.connect(settings)
        except ConfigError as error:
            raise Problem(str(error)) from None
        self._closing.callback(self._client.close)
        return text

    def _open_embedded(self, settings: Settings) -> str:
        """Open the embedded platform of the stack, or an empty temporary one where the stack has no data yet."""
        from biot_provider.api.client import Client
        from biot_provider.errors import ConfigError

        folder = settings.embedded_folder(self._short_stack_name())
        data = self._base_folder() / folder
        text = f"in this process, its data in {folder}"
        if not data.exists():
            data = Path(self._closing.enter_context(tempfile.TemporaryDirectory()))
            text = f"in this process; {folder} has no data yet"
        try:
            self._client = Client.connect(replace(settings, base_url=f"embedded:{data}"))
        except ConfigError as error:
            raise Problem(str(error)) from None
        self._closing.callback(self._client.close)
        return text

    def _check_certificate(self) -> str:
        from .connection import certificate

        settings = self._required_settings()
        if settings.is_embedded:
            return "not needed in this process"
        if settings.base_url.startswith("http:"):
            return "not needed for plain HTTP on this machine"
        return certificate(settings)

    def _check_version(self) -> str:
        from .connection import platform

        text, self._date = platform(self._required_client())
        return text

    def _check_clock(self) -> str:
        from .connection import clock

        return "the same one" if self._required_settings().is_embedded else clock(self._date)

    def _check_identity(self) -> str:
        from .connection import identity

        return identity(self._required_client())

    def _check_permission(self, required: Permission) -> str:
        from .permissions import permission

        return permission(self._required_client(), required)

    def _check_kind(self, required: Kind) -> str:
        from .permissions import kind

        return kind(self._required_client(), required)

    def _check_places(self) -> str:
        from .writing import writing

        settings = self._settings
        data = settings.embedded_folder(self._short_stack_name()) if settings and settings.is_embedded else None
        return writing(self._base_folder(), data, os.environ)

    def _check_engine(self) -> str:
        from .project import engine

        return engine(is_python=isinstance(self._project, Problem) or self._project.runtime == "python")

    def _check_project(self) -> str:
        from .project import check_project

        return check_project(self._required_project())

    def _check_plugins(self) -> str:
        from .project import plugins

        project = None if isinstance(self._project, Problem) else self._project
        folder = self._plugins or (project.folder if project else Path.cwd()) / "plugins"
        key = f"{project.name}:plugins" if project else ""
        program = project.program if project and not self._plugins else None
        return plugins(folder, self._stack.content.get(key) if self._stack else None, program)

    def _base_folder(self) -> Path:
        """Return the folder that relative paths start from: the provider runs in the project's folder."""
        return Path.cwd() if isinstance(self._project, Problem) else self._project.folder

    def _short_stack_name(self) -> str:
        """Return the stack's name without its organization and project."""
        return (self._stack_name or "").rpartition("/")[2]

    def _required_project(self) -> Project:
        if isinstance(self._project, Problem):
            raise Problem(str(self._project))
        return self._project

    def _required_settings(self) -> Settings:
        assert self._settings is not None  # noqa: S101  (used only after the configuration was read)
        return self._settings

    def _required_client(self) -> Client:
        assert self._client is not None  # noqa: S101  (used only after the address was found)
        return self._client
