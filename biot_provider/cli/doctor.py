"""`biot-provider doctor`: one line for each thing a deployment needs, `ok` or what to do.

It changes nothing on the platform, shows no secret, and goes on after a problem with what can still be checked.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .checks import Note, Problem
from .console import complain, say

if TYPE_CHECKING:
    from biot_provider.api.client import Client
    from biot_provider.config import Settings

    from .checks.configuration import Stack
    from .checks.permissions import Kind, Permission
    from .checks.project import Project

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
    """Check everything: exit code 0 when all is well, notes apart, 1 when something is not, 130 after Ctrl-C."""
    show = _as_json if arguments.json else _as_text
    try:
        with ExitStack() as closing:
            return _Visit(arguments.stack, arguments.plugins, show, closing).run()
    except KeyboardInterrupt:
        complain("stopped")
        return 130
    except BrokenPipeError:
        # Whoever reads has read enough; at its end Python would write to the pipe once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    check: str
    state: str
    text: str


def _as_text(finding: Finding) -> None:
    say(f"{finding.check:<29}  {finding.state:<11}  {finding.text}".rstrip())


def _as_json(finding: Finding) -> None:
    say(json.dumps(asdict(finding)))


class _Visit:
    """One run of all checks, in the order in which one needs the other."""

    def __init__(
        self, stack: str | None, plugins: Path | None, show: Callable[[Finding], None], closing: ExitStack
    ) -> None:
        self._stack_name = stack
        self._plugins = plugins
        self._show = show
        self._closing = closing
        self._sound = True
        self._secrets: list[str] = []
        self._project: Project | Problem = Problem("")
        self._stack: Stack | None = None
        self._settings: Settings | None = None
        self._client: Client | None = None
        self._date: str | None = None

    def run(self) -> int:
        """Check everything; gives the exit code."""
        # The slow imports come with the first use: `biot-provider emulator` does without them.
        from .checks.images import images
        from .checks.project import engine, find_project

        try:
            self._project = find_project(Path.cwd())
        except Problem as problem:
            self._project = problem
        self._check("configuration", self._look_at_configuration)
        self._check_platform()
        self._check("engine", engine)
        self._check("images", images)
        self._check("writing", self._look_at_places)
        self._check("project", self._look_at_project)
        self._check("plugins", self._look_at_plugins)
        return 0 if self._sound else 1

    def _check_platform(self) -> None:
        from .checks.permissions import KINDS, PERMISSIONS

        reached = self._check("address", self._look_at_address, when=self._settings is not None)
        trusted = self._check("certificate", self._look_at_certificate, when=reached)
        answered = self._check("platform", self._look_at_version, when=trusted)
        self._check("clock", self._look_at_clock, when=answered)
        known = self._check("identity", self._look_at_identity, when=trusted)
        for wanted in PERMISSIONS:
            self._check(wanted.name, partial(self._look_at_permission, wanted), when=known)
        for kind in KINDS:
            self._check(kind.resource, partial(self._look_at_kind, kind), when=known)

    def _check(self, name: str, look: Callable[[], str], *, when: bool = True) -> bool:
        """Do one check and tell what it found; whether all is well with it."""
        if not when:
            self._tell(name, NOT_CHECKED, "")
            return False
        try:
            text, state = look(), OK
        except Note as note:
            text, state = str(note), NOTE
        except Problem as problem:
            text, state = str(problem), PROBLEM
        except Exception as error:
            # A defect of ours must not take the other checks with it, and its text may hold anything.
            text, state = f"this check itself failed ({type(error).__name__}): please report it", PROBLEM
        self._tell(name, state, text)
        return state == OK

    def _tell(self, name: str, state: str, text: str) -> None:
        from biot_provider.api.redaction import redact

        self._sound = self._sound and state in (OK, NOTE)
        self._show(Finding(name, state, " ".join(redact(text, self._secrets).split())))

    def _look_at_configuration(self) -> str:
        from .checks import configuration

        self._secrets += configuration.secrets(os.environ)
        self._stack, values = configuration.Stack(), dict[str, Any]()
        if self._stack_name is not None:
            project = self._found()
            self._stack = configuration.read_stack(project, self._stack_name)
            values = configuration.decrypted(project, self._stack_name, self._stack)
            self._secrets += configuration.secrets(values)
        text, self._settings = configuration.settings(self._stack, values, os.environ)
        return text

    def _look_at_address(self) -> str:
        from biot_provider.api.client import Client
        from biot_provider.errors import ConfigError

        from .checks.connection import address

        settings = self._wanted()
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
        """The embedded platform of the stack, or an empty one for the moment when it has no data yet."""
        from biot_provider.api.client import Client
        from biot_provider.errors import ConfigError

        folder = settings.embedded_folder(self._plain_stack())
        data, text = self._start() / folder, f"in this process, its data in {folder}"
        if not data.exists():
            data = Path(self._closing.enter_context(tempfile.TemporaryDirectory()))
            text = f"in this process; {folder} has no data yet"
        try:
            self._client = Client.connect(replace(settings, base_url=f"embedded:{data}"))
        except ConfigError as error:
            raise Problem(str(error)) from None
        self._closing.callback(self._client.close)
        return text

    def _look_at_certificate(self) -> str:
        from .checks.connection import certificate

        settings = self._wanted()
        if settings.is_embedded:
            return "not needed in this process"
        if settings.base_url.startswith("http:"):
            return "not needed for plain HTTP on this machine"
        return certificate(settings)

    def _look_at_version(self) -> str:
        from .checks.connection import platform

        text, self._date = platform(self._asking())
        return text

    def _look_at_clock(self) -> str:
        from .checks.connection import clock

        return "the same one" if self._wanted().is_embedded else clock(self._date)

    def _look_at_identity(self) -> str:
        from .checks.connection import identity

        return identity(self._asking())

    def _look_at_permission(self, wanted: Permission) -> str:
        from .checks.permissions import permission

        return permission(self._asking(), wanted)

    def _look_at_kind(self, wanted: Kind) -> str:
        from .checks.permissions import kind

        return kind(self._asking(), wanted)

    def _look_at_places(self) -> str:
        from .checks.writing import writing

        settings = self._settings
        data = settings.embedded_folder(self._plain_stack()) if settings and settings.is_embedded else None
        return writing(self._start(), data, os.environ)

    def _look_at_project(self) -> str:
        from .checks.project import look

        return look(self._found())

    def _look_at_plugins(self) -> str:
        from .checks.project import plugins

        project = None if isinstance(self._project, Problem) else self._project
        folder = self._plugins or (project.folder if project else Path.cwd()) / "plugins"
        key = f"{project.name}:plugins" if project else ""
        return plugins(folder, self._stack.content.get(key) if self._stack else None)

    def _start(self) -> Path:
        """Where relative paths begin: the provider runs in the project's folder."""
        return Path.cwd() if isinstance(self._project, Problem) else self._project.folder

    def _plain_stack(self) -> str:
        """The stack's name without its organization and project."""
        return (self._stack_name or "").rpartition("/")[2]

    def _found(self) -> Project:
        if isinstance(self._project, Problem):
            raise Problem(str(self._project))
        return self._project

    def _wanted(self) -> Settings:
        assert self._settings is not None  # noqa: S101  (asked for only after the configuration was read)
        return self._settings

    def _asking(self) -> Client:
        assert self._client is not None  # noqa: S101  (asked for only after the address was found)
        return self._client
