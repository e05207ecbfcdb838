"""One switch for each ambiguous point of the API's documents, so that a client can be tested with every reading.

A switch is set for the database, hence for every process that shares it. `BIOT_EMULATOR_SWITCHES`, for example
`names=prefixed,orders=shifted`, sets some whenever a process opens the database.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..database import Store

VARIABLE = "BIOT_EMULATOR_SWITCHES"


def _switch(*readings: str) -> str:
    """Declare a switch with its values, the default first."""
    value: str = field(default=readings[0], metadata={"readings": readings})
    return value


@dataclass(frozen=True)
class PlatformVariant:
    """This platform's reading of each ambiguous point of the API's documents."""

    names: str = _switch("bare", "prefixed")
    """`name` in responses and searches: as given, or with `Plugin-` before it."""
    nulls: str = _switch("clear", "keep")
    """A null in an update (`cronSchedule`, `secretKeyExpirationInMinutes`) clears, or counts as not sent."""
    system_variables: str = _switch("shown", "hidden")
    """Whether responses contain the BIOT_* variables, which include a secret key."""
    orders: str = _switch("stored", "filled", "shifted")
    """An interception's `order` in responses: as given; with `interceptionOrder` if none was given; or the actual
    place, which another plugin's deployment may have moved."""
    entity_names: str = _switch("given", "filled")
    """The entity of PRE_REQUEST and POST_REQUEST in responses: as given, or filled in by the platform."""
    partial_subscriptions: str = _switch("accepted", "refused")
    """An update with `subscriptions` that lack one of the three members keeps that member, or is a 400."""
    put: str = _switch("refused", "replaces")
    """PUT is a 405, or replaces the whole configuration as the old v1 API did."""
    default_timeout: str = _switch("60", "3")
    """Seconds when a creation gives no timeout."""
    lists: str = _switch("given", "reversed")
    """The order of list elements in responses."""
    absent: str = _switch("null", "omitted")
    """Members of a response that have no value: null, or missing."""
    token_expiration: str = _switch("millis", "iso", "odd", "absent")
    """A token's expiration in a login's response: ISO 8601 in UTC with milliseconds, or without a fraction; a text
    that is not an ISO date; or missing."""
    image_tags: str = _switch("mutable", "immutable")
    """An existing tag in the image repository may be pushed again, or is refused, even for the identical image."""
    repository_reads: str = _switch("allowed", "forbidden")
    """Whether the temporary keys allow reading the image repository, or only pushing."""
    roles: str = _switch("any", "known")
    """A service user's `roleId` may be any UUID, or must be a role the emulator knows."""
    organizations: str = _switch("any", "known")
    """A service user's `ownerOrganizationId` may be any UUID, or must be the only existing organization."""
    service_user_defaults: str = _switch("filled", "absent")
    """`ownerOrganizationId` and `accessTokenExpirationInMinutes` that were not given: filled in, or without a value."""
    max_secret_keys: str = _switch("5", "2", "1")
    """Secret keys a service user may have at once."""
    repeated_notifications: str = _switch("conflict", "bad-request", "accepted")
    """Subscribing to a notification twice: a 409, a 400, or a 201 that changes nothing."""
    notification_ids: str = _switch("shown", "hidden")
    """Whether responses carry the `id` of a notification's subscription."""
    default_orders: str = _switch("shown", "hidden")
    """`executionOrder` in responses if none was given: the actual place, or no value."""
    reference_data: str = _switch("open", "closed")
    """Endpoints may subscribe to APIs, entities and pairs of entity and action beyond the reference data, or not."""
    templates: str = _switch("unlisted", "listed")
    """Any template's name is accepted; the list of templates is empty, or has one per entity, with the entity's
    name."""
    action_names: str = _switch("underscored", "upper")
    """`actionName` in the reference data: `_saveMeasurement`, or `SAVE_MEASUREMENT`."""
    failing_interceptors: str = _switch("fails", "skipped")
    """A call with an interceptor that is unreachable, fails, or gives an invalid response: it fails with 500
    INTERCEPTOR_FAILED, or continues without the interceptor."""


_READINGS: dict[str, tuple[str, ...]] = {item.name: item.metadata["readings"] for item in fields(PlatformVariant)}


class Switches:
    """The switches of one database."""

    def __init__(self, store: Store) -> None:
        self._store = store
        wanted = parse(os.environ.get(VARIABLE, ""))
        if wanted:
            self.set(**wanted)

    def read(self) -> PlatformVariant:
        """Return the current value of every switch."""
        with self._store.reading() as db:
            rows = db.execute("SELECT name, value FROM switches").fetchall()
        return PlatformVariant(**{row["name"]: row["value"] for row in rows})

    def set(self, **wanted: str | int) -> PlatformVariant:
        """Set some switches, for example `set(names="prefixed")`; an unknown one is a ValueError and sets nothing."""
        clean = {name: str(value) for name, value in wanted.items()}
        for name, value in clean.items():
            if name not in _READINGS:
                message = f"unknown switch {name!r}: there are {', '.join(_READINGS)}"
                raise ValueError(message)
            if value not in _READINGS[name]:
                message = f"switch {name!r} reads {' or '.join(_READINGS[name])}, not {value!r}"
                raise ValueError(message)
        now = self.read()
        changed = {name: value for name, value in clean.items() if getattr(now, name) != value}
        if changed:
            with self._store.writing() as db:
                db.executemany("INSERT OR REPLACE INTO switches VALUES (?, ?)", changed.items())
        return self.read()

    def reset(self) -> PlatformVariant:
        """Put every switch back to its default."""
        with self._store.writing() as db:
            db.execute("DELETE FROM switches")
        return PlatformVariant()


def readings() -> dict[str, tuple[str, ...]]:
    """Return every switch with its possible values, the default first."""
    return dict(_READINGS)


def parse(line: str) -> dict[str, str]:
    """Parse `names=prefixed,orders=shifted` into a mapping."""
    pairs = {}
    for item in filter(None, (part.strip() for part in line.split(","))):
        name, separator, value = item.partition("=")
        if not separator:
            message = f"{VARIABLE}: {item!r} is not name=value"
            raise ValueError(message)
        pairs[name.strip()] = value.strip()
    return pairs
