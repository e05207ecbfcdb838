"""An owner: the resource that something on the platform is of.

``project/stack/resource name``, and below other resources ``project/stack/<types of its parents>::resource name``.
"""

from __future__ import annotations


def stack_of(owner: str | None) -> tuple[str, str]:
    """The project and the stack of an owner, empty where there is none."""
    project, stack, *_ = [*(owner or "").split("/", 2), "", ""]
    return project, stack


def resource_name(owner: str | None) -> str:
    """The resource's name in its program."""
    name = path_in_stack(owner)
    return name.partition("::")[2] or name


def path_in_stack(owner: str | None) -> str:
    """The resource's name in its program, behind the types of its parents where it has some."""
    return (owner or "").split("/", 2)[-1]
