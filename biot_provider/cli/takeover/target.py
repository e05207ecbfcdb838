"""The stack that takes resources over: its project, its connection, and the owner of each of its resources."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from biot_provider.cli.errors import CommandError, WrongUsageError
from biot_provider.cli.project.project import Project
from biot_provider.cli.project.stack import Stack
from biot_provider.errors import Notice
from biot_provider.lifecycle.connection import Connection
from biot_provider.lifecycle.kind import Context
from biot_provider.lifecycle.owner import Urn, owner_of


@dataclass(frozen=True)
class Parent:
    """The resource that the others are declared below; it must be in the stack already."""

    urn: str
    types: tuple[str, ...]
    """Its type behind the types of its parents, without the stack's."""
    name: str
    """Its name, which the import file and the program call it by."""

    @classmethod
    def parse(cls, urn: str) -> Parent:
        """Read a URN. Raises WrongUsageError."""
        found = Urn.parse(urn)
        if found is None:
            raise WrongUsageError(
                f"--parent {urn!r} is no URN: take it from `pulumi stack --show-urns`, where the parent must be"
                " already",
                "BIOT-8053",
            )
        return cls(urn, found.types, found.name)


@dataclass(frozen=True)
class Target:
    """A stack, and its connection to the platform."""

    project: Project
    stack: str
    """The name as the user gave it, with organization and project where they were given."""
    connection: Connection

    @property
    def short_stack(self) -> str:
        """The stack's own name."""
        return self.stack.rpartition("/")[2]

    def owner(self, resource_name: str, parent: Parent | None = None) -> str:
        """Return the owner as the program that declares the resource gives it."""
        return owner_of(self.project.name, self.short_stack, parent.types if parent else (), resource_name)

    def context(self, owner: str, show: Callable[[Notice], None]) -> Context:
        """Return what an operation on a resource of this owner needs."""
        return Context(self.connection, owner, show)


@contextlib.contextmanager
def opened(name: str | None) -> Iterator[Target]:
    """Open the stack of this name, or the selected one; meanwhile the working folder is the project's.

    Relative paths in the configuration and in the program start there. Raises BiotError.
    """
    stack = Stack.selected(name)
    project = stack.required_project()
    if project.runtime != "python":
        raise CommandError(
            f"this project's runtime is {project.runtime}, whose programs use the native provider: use"
            " `pulumi import biot:index:Plugin NAME ID`",
            "BIOT-8055",
        )
    with contextlib.chdir(project.folder):
        settings = stack.configured().settings
        if settings.is_embedded:
            stack.data_folder(settings)
        target = Target(project, str(stack.name), Connection(settings))
        client = target.connection.client(target.owner(""))
        with contextlib.closing(client):
            yield target
