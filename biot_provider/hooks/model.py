"""The hooks of a platform, the subscribers that it calls at each, and their faults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A hosted plugin, or an endpoint in another account, that the platform calls.

    ``key`` identifies it and may contain a secret, so only ``label`` is shown.
    """

    key: str
    label: str
    is_hosted: bool = True
    is_enabled: bool = True


@dataclass(frozen=True, slots=True)
class Interception:
    """A subscriber at an API call or an entity.

    ``order`` is its place among others, the lowest first; None if unknown. ``filters`` limit it to calls with these
    values of placeholders, which may be secret.
    """

    subscriber: Subscriber
    type: str
    api_id: str = ""
    entity: str = ""
    order: int | None = None
    filters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Notification:
    """A subscriber of an action on an entity; without a template, for all templates."""

    subscriber: Subscriber
    entity: str
    action: str
    template: str = ""


@dataclass(frozen=True)
class Reference:
    """The platform's APIs that can be intercepted, each with its entities, and the entities that can be adapted."""

    apis: Mapping[str, frozenset[str]]
    entities: frozenset[str]


class Fault(StrEnum):
    """The kinds of faults at a hook."""

    EQUAL_ORDER = "equal order"
    NEVER_RUNS = "never runs"
    DISABLED = "disabled"
    DUPLICATE = "duplicate"

    @property
    def message_code(self) -> str:
        """The code of the message about the fault."""
        return _CODES[self]


_CODES = {
    Fault.EQUAL_ORDER: "BIOT-5111",
    Fault.NEVER_RUNS: "BIOT-5110",
    Fault.DISABLED: "BIOT-5113",
    Fault.DUPLICATE: "BIOT-2124",
}


@dataclass(frozen=True, slots=True)
class Conflict:
    """A fault at a hook; ``text`` is one sentence that can be understood by itself."""

    fault: Fault
    text: str


@dataclass(frozen=True, slots=True)
class Link:
    """A subscriber in a chain. ``condition`` describes the calls for which it is called; empty for all."""

    subscriber: Subscriber
    order: int | None = None
    condition: str = ""
    faults: frozenset[Fault] = frozenset()


@dataclass(frozen=True, slots=True)
class ApiChain:
    """The subscribers before and after an API call, in the order in which they are called."""

    api_id: str
    entity: str
    before: tuple[Link, ...]
    after: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class EntityChain:
    """The subscribers that adapt an entity, in the order in which they are called."""

    entity: str
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Notified:
    """The subscribers that are notified of an action on an entity, in no particular order."""

    entity: str
    action: str
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """All hooks that have subscribers.

    ``unhooked`` are the plugins without subscriptions: they are called at their endpoint or by their schedule.
    ``notes`` describe what the picture covers.
    """

    apis: tuple[ApiChain, ...]
    entities: tuple[EntityChain, ...]
    notified: tuple[Notified, ...]
    unhooked: tuple[Subscriber, ...]
    conflicts: tuple[Conflict, ...]
    notes: tuple[str, ...] = ()
