"""The hooks of a platform, whom it calls at each, and what is wrong there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Subscriber:
    """One that the platform calls: a hosted plugin, or an endpoint in somebody's own account.

    ``key`` tells it from others and may hold a secret, so that only ``label`` is shown.
    """

    key: str
    label: str
    is_hosted: bool = True
    is_enabled: bool = True


@dataclass(frozen=True, slots=True)
class Interception:
    """A subscriber at an API call or an entity.

    ``order`` is its place among others, the lowest first; None where nobody says. ``filters`` limit it to
    calls with these values of placeholders, which may be secrets.
    """

    subscriber: Subscriber
    type: str
    api_id: str = ""
    entity: str = ""
    order: int | None = None
    filters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Notification:
    """A subscriber of an action on an entity; without a template, on all of them."""

    subscriber: Subscriber
    entity: str
    action: str
    template: str = ""


@dataclass(frozen=True)
class Reference:
    """What a platform has: APIs that can be intercepted, each with its entities, and entities that can be adapted."""

    apis: Mapping[str, frozenset[str]]
    entities: frozenset[str]


class Fault(StrEnum):
    """What can be wrong at a hook."""

    EQUAL_ORDER = "equal order"
    NEVER_RUNS = "never runs"
    DISABLED = "disabled"
    DUPLICATE = "duplicate"

    @property
    def message_code(self) -> str:
        """The code of the message about it."""
        return _CODES[self]


_CODES = {
    Fault.EQUAL_ORDER: "BIOT-5111",
    Fault.NEVER_RUNS: "BIOT-5110",
    Fault.DISABLED: "BIOT-5113",
    Fault.DUPLICATE: "BIOT-2124",
}


@dataclass(frozen=True, slots=True)
class Conflict:
    """Something wrong; ``text`` is one sentence that stands alone."""

    fault: Fault
    text: str


@dataclass(frozen=True, slots=True)
class Link:
    """A subscriber in a chain. ``condition`` says for which calls alone it is called, empty for all."""

    subscriber: Subscriber
    order: int | None = None
    condition: str = ""
    faults: frozenset[Fault] = frozenset()


@dataclass(frozen=True, slots=True)
class ApiChain:
    """Who is called before and after an API call, in the order of the calls."""

    api_id: str
    entity: str
    before: tuple[Link, ...]
    after: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class EntityChain:
    """Who adapts an entity, in the order of the calls."""

    entity: str
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Notified:
    """Who is notified of an action on an entity, in no order."""

    entity: str
    action: str
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """All hooks that somebody subscribes to.

    ``unhooked`` are the plugins that subscribe to nothing: they are called at their endpoint or by their schedule.
    ``notes`` say what the picture covers.
    """

    apis: tuple[ApiChain, ...]
    entities: tuple[EntityChain, ...]
    notified: tuple[Notified, ...]
    unhooked: tuple[Subscriber, ...]
    conflicts: tuple[Conflict, ...]
    notes: tuple[str, ...] = ()
