"""The service users and subscriptions of code in one's own account, as resources of a Python program."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

from biot_provider.api.models.plugins import NAME_PREFIX, PluginAnswer
from biot_provider.api.models.subscriptions import SubscriptionAnswer
from biot_provider.cli.takeover.kinds import Existing, Kind
from biot_provider.cli.takeover.notes import Note
from biot_provider.cli.takeover.target import Target
from biot_provider.errors import coded
from biot_provider.hooks.subscriptions import hosted_by, plugin_subscriber
from biot_provider.service_user.writes import observed
from biot_provider.subscription.ids import id_of
from biot_provider.subscription.kind import SubscriptionKind

_LONGEST = 60


def own_account(target: Target, live: Mapping[str, PluginAnswer], note: Note) -> list[Existing]:
    """Return the platform's service users and subscriptions.

    Those of hosted plugins are left out, and so is the service user with which this stack deploys.
    """
    return [*_service_users(target, live, note), *_subscriptions(target, live)]


def _service_users(target: Target, live: Mapping[str, PluginAnswer], note: Note) -> Iterable[Existing]:
    kind = Kind("ServiceUser")
    client = target.connection.client(target.owner(""))
    for row in sorted(client.search_service_users({}), key=lambda row: row.name or ""):
        name = row.name or ""
        if not row.id:
            continue
        if name.removeprefix(NAME_PREFIX) in live:
            note(
                f"service user {name!r}",
                coded("has the name of a hosted plugin, so it is taken for its own and left out", "BIOT-8080"),
            )
            continue
        if not name:
            note("", coded("service users without a name, as those of hosted plugins are, are left out", "BIOT-8080"))
            continue
        if row.id == target.connection.settings.service_id:
            note(
                f"service user {name!r}",
                coded("is the identity of this very connection, so it is left out", "BIOT-8080"),
            )
            continue
        here = _here(target, name)
        state = observed(row, kind.codec.state(kind.checked({})))
        yield Existing(kind, name, row.id, state.model_copy(update=here))


def _subscriptions(target: Target, live: Mapping[str, PluginAnswer]) -> Iterable[Existing]:
    client = target.connection.client(target.owner(""))
    hosted = {
        answer.endpoint_url.rstrip("/"): plugin_subscriber(name, answer)
        for name, answer in live.items()
        if answer.endpoint_url
    }
    rows: list[tuple[Kind, SubscriptionAnswer]] = []
    rows += [(Kind("InterceptionSubscription"), row) for row in client.search_interceptions({})]
    rows += [(Kind("NotificationSubscription"), row) for row in client.search_notifications({})]
    names: set[str] = set()
    for kind, row in sorted(rows, key=lambda item: (item[0].word, item[1].identity())):
        if not row.endpoint or hosted_by(row.endpoint, hosted):
            continue
        name = _unused(_slug(row), names)
        state = cast(SubscriptionKind, kind.lifecycle).state_from(row, None)
        yield Existing(kind, name, id_of(row), state.model_copy(update=_here(target, name)))


def _here(target: Target, name: str) -> dict[str, Any]:
    return {"owner": target.owner(name), "platform": target.connection.settings.base_url}


def _slug(row: SubscriptionAnswer) -> str:
    """Return a name for the subscription: what calls it, without its endpoint."""
    *parts, _ = row.id_parts()[:3]
    return re.sub(r"[^a-z0-9]+", "-", " ".join(parts).lower()).strip("-")[:_LONGEST]


def _unused(name: str, names: set[str]) -> str:
    candidates = (name, *(f"{name}-{number}" for number in range(2, len(names) + 3)))
    found = next(candidate for candidate in candidates if candidate not in names)
    names.add(found)
    return found
