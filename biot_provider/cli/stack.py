"""A stack as the commands use it: the platform that its configuration leads to, its state, its program's preview."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from biot_provider.config import KEYS
from biot_provider.lifecycle.owner import Urn
from biot_provider.native.signatures import SIGNATURE, UNKNOWN

from .doctor import configuration
from .doctor.findings import Problem
from .doctor.project import Project, find_project, run_engine

if TYPE_CHECKING:
    from biot_provider.api.client import Client

_KINDS = ("pulumi-python:dynamic/biot:", "biot:index:")
_ENGINE_SECONDS = 600


@dataclass(frozen=True)
class Platform:
    """An open platform. ``address`` says where it is."""

    address: str
    client: Client


@dataclass(frozen=True)
class Resource:
    """A resource of this package: its kind, such as ``Plugin``, its name in the program, and its properties."""

    kind: str
    name: str
    id: str
    properties: Mapping[str, Any]

    def known(self, **more: Any) -> dict[str, Any]:
        """The properties that are known, and those given here in their place."""
        return {key: value for key, value in {**self.properties, **more}.items() if value is not None}


@dataclass(frozen=True)
class Stack:
    """A stack of the project in this folder; without a name, the environment's connection."""

    name: str | None
    project: Project | None = field(default=None)

    @classmethod
    def find(cls, name: str | None) -> Stack:
        """Return the stack. Raises Problem where it needs a project and there is none."""
        try:
            return cls(name, find_project(Path.cwd()))
        except Problem:
            if name is not None:
                raise
            return cls(None)

    @property
    def shown(self) -> str:
        """What messages call it."""
        return f"stack {self.name}" if self.name else "the environment's connection"

    def connect(self, closing: ExitStack) -> Platform:
        """Open the platform of the stack's configuration, or of the environment. Raises Problem."""
        from biot_provider.api.client import Client
        from biot_provider.errors import ConfigError

        stack = configuration.Stack()
        values: dict[str, Any] = {}
        if self.name is not None:
            stack = configuration.read_stack(self._required_project(), self.name)
            values = configuration.decrypt(self._required_project(), self.name, stack)
        _, settings = configuration.settings(stack, values, self._environment())
        address = settings.base_url
        if settings.is_embedded:
            short = (self.name or "").rpartition("/")[2]
            folder = (self.project.folder if self.project else Path.cwd()) / settings.embedded_folder(short)
            if not folder.is_dir():
                raise Problem(f"{self.shown}: its embedded platform has no data yet: run `pulumi up`", "BIOT-8011")
            settings = replace(settings, base_url=f"embedded:{folder}")
        try:
            client = Client.connect(settings)
        except ConfigError as error:
            raise Problem(error.text, error.message_code) from None
        closing.callback(client.close)
        return Platform(address, client)

    def _environment(self) -> Mapping[str, str]:
        """The environment, in which a variable with the stack's name behind it counts as the one without.

        So one command can have the identities of two stacks: ``BIOT_SERVICE_ID_PRODUCTION`` beside ``BIOT_SERVICE_ID``.
        """
        suffix = re.sub(r"[^A-Z0-9]", "_", (self.name or "").rpartition("/")[2].upper())
        own = {variable: os.environ.get(f"{variable}_{suffix}") for key in KEYS if (variable := key.variable)}
        return {**os.environ, **{name: value for name, value in own.items() if suffix and value}}

    def overrides(self) -> Any:
        """Return what the stack's configuration changes of plugins, encrypted parts hidden. Raises Problem."""
        from .doctor.project import without_ciphers

        if self.name is None:
            return {}
        project = self._required_project()
        stack = configuration.read_stack(project, self.name)
        return without_ciphers(stack.content.get(f"{project.name}:plugins") or {})

    def state(self) -> list[Resource]:
        """Return the resources in the stack's state, secrets in plain text. Raises Problem."""
        exported = self._run("stack", "export", "--show-secrets")
        resources = (exported.get("deployment") or {}).get("resources") or []
        return [
            Resource(kind, _name_of(item), str(item.get("id", "")), _without_marks(item.get("outputs") or {}))
            for item in resources
            if (kind := kind_of(item.get("type"))) and not item.get("delete") and not item.get("external")
        ]

    def preview(self) -> list[Resource]:
        """Return the resources that the stack's program declares, as a preview shows them. Raises Problem."""
        steps = self._run("preview", "--json", "--show-sames").get("steps") or []
        new = [step.get("newState") or {} for step in steps if step.get("op") not in ("delete", "delete-replaced")]
        found = {
            item.get("urn", ""): Resource(kind, _name_of(item), "", _without_marks(item.get("inputs") or {}))
            for item in new
            if (kind := kind_of(item.get("type"))) and not item.get("external")
        }
        return list(found.values())

    def _run(self, *arguments: str) -> Mapping[str, Any]:
        project = self._required_project()
        words = " ".join(word for word in arguments if not word.startswith("-"))
        shown = f"`pulumi {words} --stack {self.name}`"
        command = (*arguments, "--stack", str(self.name), "--non-interactive")
        output = run_engine(*command, folder=project.folder, seconds=_ENGINE_SECONDS)
        try:
            parsed = json.loads(output)
        except ValueError:
            parsed = None
        if not isinstance(parsed, dict):
            raise Problem(f"{shown} prints no JSON: run it by hand to see why", "BIOT-8014")
        return parsed

    def _required_project(self) -> Project:
        if self.project is None:
            raise Problem("no Pulumi.yaml here or above: go to the project's folder", "BIOT-8004")
        return self.project


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
