"""Variants of the contract: one for each point that the API's documents leave open, so that a client can meet them all.

A variant is set for the database, hence for every process that shares it. `BIOT_EMULATOR_VARIANTS`, for example
`names=prefixed,orders=shifted`, sets some whenever a process opens the database.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from biot_provider.emulator.database import Store

VARIABLE = "BIOT_EMULATOR_VARIANTS"


def _variants(*values: str) -> str:
    """Declare an open point with its possible values, the default first."""
    value: str = field(default=values[0], metadata={"values": values})
    return value


@dataclass(frozen=True)
class ContractVariant:
    """What this platform does at each point that the API's documents leave open."""

    names: str = _variants("bare", "prefixed")
    """`name` in responses and searches: as given, or with `Plugin-` before it."""
    nulls: str = _variants("clear", "keep")
    """A null in an update (`cronSchedule`, `secretKeyExpirationInMinutes`) clears, or counts as not sent."""
    system_variables: str = _variants("shown", "hidden")
    """Whether responses contain the BIOT_* variables, which include a secret key."""
    orders: str = _variants("stored", "filled", "shifted")
    """An interception's `order` in responses: as given; with `interceptionOrder` if none was given; or the actual
    place, which another plugin's deployment may have moved."""
    entity_names: str = _variants("given", "filled")
    """The entity of PRE_REQUEST and POST_REQUEST in responses: as given, or filled in by the platform."""
    partial_subscriptions: str = _variants("accepted", "refused")
    """An update with `subscriptions` that lack one of the three members keeps that member, or is a 400."""
    put: str = _variants("refused", "replaces")
    """PUT is a 405, or replaces the whole configuration as the old v1 API did."""
    default_timeout: str = _variants("60", "3")
    """Seconds when a creation gives no timeout."""
    lists: str = _variants("given", "reversed")
    """The order of list elements in responses."""
    absent: str = _variants("null", "omitted")
    """Members of a response that have no value: null, or missing."""
    token_expiration: str = _variants("millis", "iso", "odd", "absent")
    """A token's expiration in a login's response: ISO 8601 in UTC with milliseconds, or without a fraction; a text
    that is not an ISO date; or missing."""
    image_tags: str = _variants("mutable", "immutable")
    """An existing tag in the image repository may be pushed again, or is refused, even for the identical image."""
    repository_reads: str = _variants("allowed", "forbidden")
    """Whether the temporary keys allow reading the image repository, or only pushing."""
    roles: str = _variants("any", "known")
    """A service user's `roleId` may be any UUID, or must be a role the emulator knows."""
    organizations: str = _variants("any", "known")
    """A service user's `ownerOrganizationId` may be any UUID, or must be the only existing organization."""
    service_user_defaults: str = _variants("filled", "absent")
    """`ownerOrganizationId` and `accessTokenExpirationInMinutes` that were not given: filled in, or without a value."""
    max_secret_keys: str = _variants("5", "2", "1")
    """Secret keys a service user may have at once."""
    repeated_notifications: str = _variants("conflict", "bad-request", "accepted")
    """Subscribing to a notification twice: a 409, a 400, or a 201 that changes nothing."""
    notification_ids: str = _variants("shown", "hidden")
    """Whether responses carry the `id` of a notification's subscription."""
    default_orders: str = _variants("shown", "hidden")
    """`executionOrder` in responses if none was given: the actual place, or no value."""
    reference_data: str = _variants("open", "closed")
    """Endpoints may subscribe to APIs, entities and pairs of entity and action beyond the reference data, or not."""
    templates: str = _variants("unlisted", "listed")
    """Any template's name is accepted; the list of templates is empty, or has one per entity, with the entity's
    name."""
    action_names: str = _variants("underscored", "upper")
    """`actionName` in the reference data: `_saveMeasurement`, or `SAVE_MEASUREMENT`."""
    failing_interceptors: str = _variants("fails", "skipped")
    """A call with an interceptor that is unreachable, fails, or gives an invalid response: it fails with 500
    INTERCEPTOR_FAILED, or continues without the interceptor."""


_VALUES: dict[str, tuple[str, ...]] = {item.name: item.metadata["values"] for item in fields(ContractVariant)}


class ContractVariants:
    """The variant of the contract that holds for one database."""

    def __init__(self, store: Store) -> None:
        self._store = store
        wanted = parse(os.environ.get(VARIABLE, ""))
        if wanted:
            self.set(**wanted)

    def read(self) -> ContractVariant:
        """Return the current value of every open point."""
        with self._store.reading() as db:
            rows = db.execute("SELECT name, value FROM switches").fetchall()
        return ContractVariant(**{row["name"]: row["value"] for row in rows})

    def set(self, **wanted: str | int) -> ContractVariant:
        """Set some values, for example `set(names="prefixed")`; an unknown one is a ValueError and sets nothing."""
        clean = {name: str(value) for name, value in wanted.items()}
        for name, value in clean.items():
            if name not in _VALUES:
                message = f"unknown variant {name!r}: there are {', '.join(_VALUES)}"
                raise ValueError(message)
            if value not in _VALUES[name]:
                message = f"variant {name!r} is {' or '.join(_VALUES[name])}, not {value!r}"
                raise ValueError(message)
        now = self.read()
        changed = {name: value for name, value in clean.items() if getattr(now, name) != value}
        if changed:
            with self._store.writing() as db:
                db.executemany("INSERT OR REPLACE INTO switches VALUES (?, ?)", changed.items())
        return self.read()

    def reset(self) -> ContractVariant:
        """Put every value back to its default."""
        with self._store.writing() as db:
            db.execute("DELETE FROM switches")
        return ContractVariant()


def possible_values() -> dict[str, tuple[str, ...]]:
    """Return every open point with its possible values, the default first."""
    return dict(_VALUES)


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
