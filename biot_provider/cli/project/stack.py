"""A stack as the commands use it: the platform that its configuration leads to, its state, its program's preview."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from biot_provider.cli.errors import CommandError
from biot_provider.cli.project import configuration
from biot_provider.cli.project.engine import run_engine
from biot_provider.cli.project.project import Project, find_project
from biot_provider.errors import ConfigError
from biot_provider.lifecycle.owner import Urn
from biot_provider.native.signatures import SIGNATURE, UNKNOWN

if TYPE_CHECKING:
    from biot_provider.api.client import Client
    from biot_provider.config import Settings

_KINDS = ("pulumi-python:dynamic/biot:", "biot:index:")
_ENGINE_SECONDS = 600
_SELECTED = ("stack", "--show-name", "--non-interactive")
STACK_VARIABLE = "PULUMI_STACK"


@dataclass(frozen=True)
class OpenPlatform:
    """An open platform. ``address`` says where it is."""

    address: str
    client: Client


@dataclass(frozen=True)
class Configured:
    """What a stack's configuration and the environment say; ``sources`` names where each key is from."""

    sources: str
    settings: Settings
    file: configuration.StackFile


@dataclass(frozen=True)
class StackResource:
    """A resource of this package: its kind, such as ``Plugin``, its name in the program, and its properties."""

    kind: str
    name: str
    id: str
    properties: Mapping[str, Any]

    def known(self, **more: Any) -> dict[str, Any]:
        """Return the properties that are known, and those given here in their place."""
        return {key: value for key, value in {**self.properties, **more}.items() if value is not None}


@dataclass(frozen=True)
class Stack:
    """A stack of the project in this folder; without a name, the environment's connection.

    Raises CommandError for an empty name, as a pipeline gives it when its variable is not set.
    """

    name: str | None
    project: Project | None = field(default=None)

    def __post_init__(self) -> None:
        if self.name == "":
            raise CommandError("which stack? the name given is empty; name one with --stack", "BIOT-8056")

    @classmethod
    def find(cls, name: str | None) -> Stack:
        """Return the stack. Raises CommandError where it needs a project and there is none."""
        try:
            return cls(name, find_project(Path.cwd()))
        except CommandError:
            if name is not None:
                raise
            return cls(None)

    @property
    def shown(self) -> str:
        """What messages call it."""
        return f"stack {self.name}" if self.name else "the environment's connection"

    @classmethod
    def selected(cls, name: str | None) -> Stack:
        """Return the stack of this name, else of PULUMI_STACK, else the selected one. Raises CommandError."""
        project = find_project(Path.cwd())
        try:
            if name is None:
                name = os.environ.get(STACK_VARIABLE) or run_engine(*_SELECTED, folder=project.folder)
        except CommandError as problem:
            raise CommandError(f"which stack? {problem.text}; name one with --stack", "BIOT-8056") from None
        return cls(name, project)

    @property
    def short_name(self) -> str:
        """The name without organization and project; empty for the environment's connection."""
        return (self.name or "").rpartition("/")[2]

    @property
    def folder(self) -> Path:
        """The folder that relative paths start from: the provider runs in the project's."""
        return self.project.folder if self.project else Path.cwd()

    def configured(self, hide: Callable[[list[str]], object] = lambda _: None) -> Configured:
        """Read the configuration, and the environment for what it leaves out; ``hide`` gets each secret.

        A variable with the stack's name behind it counts before the one without, so that one command can have the
        identities of two stacks: ``BIOT_SERVICE_ID_PRODUCTION`` beside ``BIOT_SERVICE_ID``.
        Raises CommandError, and ConfigError.
        """
        suffix = re.sub(r"[^A-Z0-9]", "_", self.short_name.upper())
        hide(configuration.secrets(os.environ, suffix))
        file = configuration.StackFile()
        values: dict[str, Any] = {}
        if self.name is not None:
            project = self.required_project()
            file = configuration.read_stack(project, self.name)
            values = configuration.decrypt(project, self.name, file)
            hide(configuration.secrets(values))
        sources, settings = configuration.settings(file, values, os.environ, suffix)
        return Configured(sources, settings, file)

    def data_folder(self, settings: Settings) -> Path:
        """Return the folder of the embedded platform. Raises CommandError where there is none yet."""
        shown = settings.embedded_folder(self.short_name)
        if not (self.folder / shown).is_dir():
            raise CommandError(
                f"{self.shown}: its embedded platform in {shown} has no data yet: run `pulumi up`", "BIOT-8011"
            )
        return self.folder / shown

    def connect(self, closing: ExitStack) -> OpenPlatform:
        """Open the platform of the stack's configuration, or of the environment. Raises BiotError."""
        from biot_provider.api.client import Client

        settings = self._settings()
        address = settings.base_url
        if settings.is_embedded:
            settings = replace(settings, base_url=f"embedded:{self.data_folder(settings)}")
        client = Client.connect(settings)
        closing.callback(client.close)
        return OpenPlatform(address, client)

    def _settings(self) -> Settings:
        """Return the settings. Raises BiotError, which names --stack where only a stack may have them."""
        try:
            return self.configured().settings
        except ConfigError as error:
            if self.name is not None or self.project is None or not self.project.stack_names():
                raise
            raise ConfigError(f"{error.text}; or name a stack with --stack", error.message_code) from None

    def overrides(self) -> Any:
        """Return what the stack's configuration changes of plugins, encrypted parts hidden. Raises CommandError."""
        if self.name is None:
            return {}
        project = self.required_project()
        stack = configuration.read_stack(project, self.name)
        return configuration.without_ciphers(stack.content.get(f"{project.name}:plugins") or {})

    def state(self) -> list[StackResource]:
        """Return the resources in the stack's state, secrets in plain text. Raises CommandError."""
        exported = self._run("stack", "export", "--show-secrets")
        resources = (exported.get("deployment") or {}).get("resources") or []
        return [
            StackResource(kind, _name_of(item), str(item.get("id", "")), _without_marks(item.get("outputs") or {}))
            for item in resources
            if (kind := kind_of(item.get("type"))) and not item.get("delete") and not item.get("external")
        ]

    def preview(self) -> list[StackResource]:
        """Return the resources that the stack's program declares, as a preview shows them. Raises CommandError."""
        steps = self._run("preview", "--json", "--show-sames").get("steps") or []
        new = [step.get("newState") or {} for step in steps if step.get("op") not in ("delete", "delete-replaced")]
        found = {
            item.get("urn", ""): StackResource(kind, _name_of(item), "", _without_marks(item.get("inputs") or {}))
            for item in new
            if (kind := kind_of(item.get("type"))) and not item.get("external")
        }
        return list(found.values())

    def _run(self, *arguments: str) -> Mapping[str, Any]:
        project = self.required_project()
        words = " ".join(word for word in arguments if not word.startswith("-"))
        shown = f"`pulumi {words} --stack {self.name}`"
        command = (*arguments, "--stack", str(self.name), "--non-interactive")
        output = run_engine(*command, folder=project.folder, seconds=_ENGINE_SECONDS)
        try:
            parsed = json.loads(output)
        except ValueError:
            parsed = None
        if not isinstance(parsed, dict):
            raise CommandError(f"{shown} prints no JSON: run it by hand to see why", "BIOT-8014")
        return parsed

    def required_project(self) -> Project:
        """Return the project. Raises CommandError where there is none."""
        return self.project or find_project(Path.cwd())


def kind_of(type_: object) -> str:
    """Return ``Plugin`` for a plugin's type, empty for a resource of another package."""
    return next((str(type_).removeprefix(kind) for kind in _KINDS if str(type_).startswith(kind)), "")


def _name_of(resource: Mapping[str, Any]) -> str:
    urn = Urn.parse(str(resource.get("urn")))
    return urn.name if urn else ""


def _without_marks(value: Any) -> Any:
    """Return a value of a state or a preview without the engine's marks; None for what is not known."""
    if isinstance(value, dict):
        if SIGNATURE in value:
            text = value.get("plaintext")
            return json.loads(text) if isinstance(text, str) else None
        return {key: _without_marks(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_marks(item) for item in value]
    return None if value == UNKNOWN else value
