"""Variants of responses that the real platform might send: any member changed, added, or missing.

A variant changes responses, never stored records. It names the kind of object that it changes (a plugin, for example:
in a single read, as a row of a search, or in the response to a write), the member by its path, and the replacement.
"""

from __future__ import annotations

import copy
import json
import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pydantic.dataclasses import dataclass

from biot_provider.emulator.testing.json_paths import Step, change, parse
from biot_provider.emulator.testing.specs import STRICT, RegularExpression, SpecTable, build

if TYPE_CHECKING:
    from collections.abc import Iterator

    from biot_provider.emulator.database import Store
    from biot_provider.emulator.testing.json_paths import At

Place = tuple[Any, Any]
"""A container, and the key or index of a value in it."""

ERROR = "error"
SECRET_KEY = "secret-key"  # noqa: S105  (a kind of thing)
KINDS: dict[str, str] = {
    "docker-credentials": r"/settings/v2/plugins/docker-repository/temp-credentials",
    "plugin": r"/settings/v2/plugins(/[^/]+)?",
    "interception-configuration": r"/settings/v1/interceptions",
    "action-notifications": r"/settings/v2/entity-types/action-notifications",
    "system-properties": r"/settings/v1/system/properties",
    "login": r"/ums/v2/(services/accessToken|users/login|users/token/(refresh|login))",
    "public-key": r"/ums/v1/security/public-key",
    SECRET_KEY: r"/ums/v2/services(/[^/]+(/secret-keys)?)?",
    "service-user": r"/ums/v2/services(/(?!accessToken)[^/]+)?",
    "interception": r"/dispatcher/v1/hooks/interceptions(/subscribe)?",
    "notification": r"/dispatcher/v1/hooks/notifications(/subscribe)?",
    "patient": r"/organization/v1/users/patients(/.+)?",
    ERROR: r"/.*",
}
"""Each kind of object, and the paths of the responses that contain it. An error is the body of any error response."""


@dataclass(frozen=True, config=STRICT)
class Variant:
    """One change of responses. Members that are not given have no effect."""

    kind: str
    """One of KINDS."""
    at: str | list[Step] | tuple[Step, ...] = ""
    """The member, as `json_paths` has it: `enabledState`, `cors.allowMethods[+]` (one more), `environmentVariables.*`
    (each). Empty: the object itself. If there is no such place, nothing is changed."""
    value: Any = None
    """The replacement, any JSON."""
    missing: bool = False
    """Whether the member is removed."""
    of: str | None = None
    """Only the object with this name or id; a plugin by its bare name."""
    method: str | None = None
    path: RegularExpression = ""
    """A pattern to search in the path of the request."""
    times: int | None = None
    """The number of responses to change; None: all."""


class Variants:
    """The variants of one database, in the order they were added; all matching ones change a response."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._table = SpecTable(store, "variants", "shown")
        self.clear = self._table.clear

    def add(self, kind: str, at: At = "", value: Any = None, **members: Any) -> int:
        """Add a variant, for example `add("plugin", "enabledState", "SUSPENDED")`; return its id."""
        variant = build(Variant, {"kind": kind, "at": at, "value": value, **members})
        if variant.kind not in KINDS:
            message = f"unknown kind {variant.kind!r}: there are {', '.join(KINDS)}"
            raise ValueError(message)
        if not parse(variant.at) and variant.missing:
            message = "a variant whose `missing` is set needs `at`: a thing as a whole cannot be missing"
            raise ValueError(message)
        return self._table.add(asdict(variant))

    def all(self) -> list[dict[str, Any]]:
        """Return every variant with its id and `shown`, how many responses it has changed."""
        return [{"id": number, **spec, "shown": shown} for number, spec, shown in self._table.rows()]

    def show(self, method: str, path: str, status: int, body: Any) -> Any:
        """Apply the variants to a response and return it."""
        rows = self._table.rows()
        if not rows:
            return body
        whole = {"": copy.deepcopy(body)}
        used = [number for number, spec, shown in rows if _apply(Variant(**spec), shown, method, path, status, whole)]
        if used:
            with self._store.writing() as db:
                db.executemany("UPDATE variants SET shown = shown + 1 WHERE id = ?", [(item,) for item in used])
        return whole[""]


def changes(answer: Any, steps: tuple[Step, ...] = ()) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a name and a variant for every member of a response, at every depth, with values that it might have.

    For example `("enabledState: unknown word", {"at": ["enabledState"], "value": "UNHEARD_OF"})`.
    """
    place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).lstrip(".")
    if steps:
        yield f"{place}: missing", {"at": list(steps), "missing": True}
    for what, value in _others(answer):
        yield f"{place or 'all'}: {what}", {"at": list(steps), "value": value}
    inside: Any = ()
    if isinstance(answer, dict):
        yield f"{place or 'all'}: one member more", {"at": [*steps, "unheardOf"], "value": {"of": ["any", 7]}}
        inside = answer.items()
    elif isinstance(answer, list):
        for what, value in (("word", "UNHEARD_OF"), ("null", None), ("map", {"unheardOf": 7})):
            yield f"{place}: one {what} more", {"at": [*steps, "[+]"], "value": value}
        inside = enumerate(answer)
    for step, member in inside:
        yield from changes(member, (*steps, step))


def _others(value: Any) -> list[tuple[str, Any]]:
    """Return the possible replacements of a value."""
    others: list[tuple[str, Any]] = [
        ("null", None),
        ("unknown word", "UNHEARD_OF"),
        ("empty text", ""),
        ("empty list", []),
        ("empty map", {}),
        ("list", ["UNHEARD_OF", 7, None]),
        ("map", {"unheardOf": [7]}),
        ("number", 7),
        ("fraction", 0.5),
        ("negative number", -1),
        ("huge number", 2**70),
        ("truth", True),
    ]
    if isinstance(value, (int, float)):
        others.append(("as text", json.dumps(value)))
    return [(what, other) for what, other in others if json.dumps(other) != json.dumps(value)]


def _apply(variant: Variant, shown: int, method: str, path: str, status: int, whole: dict[str, Any]) -> bool:
    if variant.times is not None and shown >= variant.times:
        return False
    if variant.method not in (None, method) or not re.search(variant.path, path):
        return False
    if (status >= 400) != (variant.kind == ERROR) or not re.fullmatch(KINDS[variant.kind], path):
        return False
    steps = parse(variant.at)
    places = [place for place in _places(variant.kind, whole) if variant.of in (None, *_names(place))]
    changed = [
        change(holder, (step, *steps), copy.deepcopy(variant.value), missing=variant.missing) for holder, step in places
    ]
    return any(changed)


def _places(kind: str, whole: dict[str, Any]) -> list[Place]:
    """Return the places of a kind's objects: the body, or its rows; keys also occur in service users."""
    body = whole[""]
    rows = body.get("data") if isinstance(body, dict) and kind != ERROR else None
    places: list[Place] = [(rows, index) for index in range(len(rows))] if isinstance(rows, list) else [(whole, "")]
    if kind != SECRET_KEY:
        return places
    keys: list[Place] = []
    for holder, step in places:
        thing = holder[step] if isinstance(holder[step], dict) else {}
        listed = thing.get("secretKeys")
        keys += [(listed, index) for index in range(len(listed))] if isinstance(listed, list) else []
        keys += [(thing, "secretKeyData")] if "secretKeyData" in thing else []
        keys += [(holder, step)] if "secretKey" in thing else []
    return keys


def _names(place: Place) -> tuple[Any, ...]:
    holder, step = place
    thing = holder[step]
    if not isinstance(thing, dict):
        return ()
    return thing.get("id"), thing.get("name"), str(thing.get("name")).removeprefix("Plugin-")
