"""An owner: the resource to which an object on the platform belongs.

``project/stack/resource name``, and below other resources ``project/stack/<types of its parents>::resource name``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

_ROOT = "pulumi:pulumi:Stack"


class Urn(NamedTuple):
    """A resource's URN, ``urn:pulumi:<stack>::<project>::<types>::<name>``."""

    stack: str
    project: str
    types: tuple[str, ...]
    """The types of its parents and, last, its own; the stack's type is left out."""
    name: str

    @classmethod
    def parse(cls, text: str) -> Urn | None:
        """Parse a URN; return None if the text is not a URN."""
        stack, *rest = text.split("::", 3)
        if not stack.startswith("urn:pulumi:") or len(rest) != 3:
            return None
        project, types, name = rest
        return cls(stack.rpartition(":")[2], project, tuple(t for t in types.split("$") if t != _ROOT), name)

    @property
    def owner(self) -> str:
        """The resource, in the form of an owner."""
        return owner_of(self.project, self.stack, self.types[:-1], self.name)


def owner_of(project: str, stack: str, parents: Sequence[str], name: str) -> str:
    """Return the owner of a resource below parents of these types."""
    return f"{project}/{stack}/{'$'.join(parents)}{'::' if parents else ''}{name}"


def stack_of(owner: str | None) -> tuple[str, str]:
    """Return the project and the stack of an owner; empty if there is no owner."""
    project, stack, *_ = [*(owner or "").split("/", 2), "", ""]
    return project, stack


def resource_name(owner: str | None) -> str:
    """Return the resource's name in its program."""
    name = path_in_stack(owner)
    return name.partition("::")[2] or name


def path_in_stack(owner: str | None) -> str:
    """Return the resource's name in its program, after the types of its parents if it has any."""
    return (owner or "").split("/", 2)[-1]
