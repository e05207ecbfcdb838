"""A resource as a program declares it and as a state holds it, and what the two mean to the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pulumi.runtime.rpc import is_rpc_secret, unwrap_rpc_secret
from pydantic.alias_generators import to_camel

from ..provider.native_adapter import DYNAMIC
from .world import CODE, BrokenPromiseError

_FIELDS = (
    "display_name", "runtime", "handler", "timeout", "memory_size", "ephemeral_storage", "environment_variables",
    "subscriptions", "enabled_state", "cron_schedule", "analytics_db_access", "cors",
)  # fmt: skip


class OperationError(Exception):
    """An operation ended in an error, which is the provider's line; ``half_made`` is kept in state all the same."""

    def __init__(self, line: str, half_made: Any = None) -> None:
        super().__init__(line)
        self.half_made = half_made


@dataclass
class Declared:
    """A resource as the program has it now."""

    resource: str
    """The resource's own name."""
    parent: str = ""
    """The types of its parents, as in a URN."""
    fields: dict[str, Any] = field(default_factory=dict)
    code: str | None = None
    image: str | None = None
    ignored: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    creates_first: bool = False
    """`delete_before_replace=False`."""

    @property
    def urn(self) -> str:
        return f"{self.parent}${self.resource}" if self.parent else self.resource

    @property
    def name(self) -> str:
        """The plugin's name."""
        return self.fields.get("name") or self.resource

    def write_code(self, folder: Path) -> str:
        """Put the code into a folder of the resource's own."""
        path = folder / self.urn.replace("$", "-").replace(":", "-")
        path.mkdir(exist_ok=True)
        (path / "index.py").write_text(f"def handler(event, context): ...\n# {self.code}\n")
        return str(path)


@dataclass(eq=False)
class Held:
    """A resource as the state has it."""

    urn: str
    inputs: dict[str, Any]
    outs: dict[str, Any]
    pending_delete: bool = False
    """Replaced by another, and still to be deleted."""
    pending_replacement: bool = False
    """Deleted, its replacement still to be created."""
    half_made: bool = False
    """Made, and not finished: the next run updates it, whatever the diff says."""
    written: str = ""
    """The URN under which it was written last."""

    @property
    def native(self) -> bool:
        """Whether the native provider has written it."""
        return DYNAMIC not in self.outs

    @property
    def endpoint(self) -> str:
        """The values that distinguish this very plugin from others of its name."""
        return str(self.outs.get("endpoint_url"))


def owner(stack: str, declared: Declared) -> str:
    """What the resource classes give as `__owner`."""
    parents = f"{declared.parent}::" if declared.parent else ""
    return f"shop/{stack}/{parents}{declared.resource}"


def changed(outs: Mapping[str, Any], inputs: Mapping[str, Any]) -> frozenset[str]:
    """The members, in the API's names, that differ between state and inputs: what a diff names."""
    named = {to_camel(name) for name in _FIELDS if outs.get(name) != inputs.get(name)}
    if any(outs.get(name) != inputs.get(name) for name in ("code_digest", "image_tag")):
        named.add(CODE)
    return frozenset(named)


def refuse_absorbed(before: Mapping[str, Any], after: Mapping[str, Any], named: frozenset[str]) -> None:
    """An update records what it wrote; what somebody else changed shows at the next refresh, not in passing."""
    if absorbed := changed(before, after) - named:
        raise BrokenPromiseError(f"an update absorbed {sorted(absorbed)}, which it did not write, from somebody else")


def in_short(text: str) -> str:
    """The first line of an error, and the frame where it happened."""
    lines = text.strip().splitlines()
    return " ".join(line.strip() for line in (lines[0], *lines[-4:-1]))


def plain(value: Any) -> Any:
    """What the engine hands on: secrets without their marks."""
    if is_rpc_secret(value):
        return plain(unwrap_rpc_secret(value))
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def wire(value: Any) -> Any:
    """As it comes over gRPC: every number a float, nothing that is None."""
    if isinstance(value, dict):
        return {key: wire(item) for key, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return [wire(item) for item in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
