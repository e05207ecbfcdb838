"""Converts plugins and subscriptions, as the platform shows or a program declares them, to subscriptions of hooks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TypeVar

from biot_provider.api.endpoints import public_part
from biot_provider.api.models.plugins import PluginShown
from biot_provider.api.models.reference import InterceptionConfiguration
from biot_provider.api.models.subscriptions import InterceptionShown, NotificationShown
from biot_provider.hooks import ADAPT_ENTITY, DEFAULT_ORDER
from biot_provider.hooks.model import Interception, Notification, Reference, Subscriber

ItemT = TypeVar("ItemT", Interception, Notification)


def plugin_subscriber(name: str, plugin: PluginShown) -> Subscriber:
    """Return a hosted plugin as a subscriber."""
    return Subscriber(f"plugin {name}", name, is_enabled=plugin.enabled_state != "DISABLED")


def plugin_interceptions(name: str, plugin: PluginShown) -> Iterator[Interception]:
    """Return the interceptions of a hosted plugin."""
    given = plugin.subscriptions
    if given is None:
        return
    default = given.interception_order if isinstance(given.interception_order, int) else DEFAULT_ORDER
    for item in given.interceptions or ():
        order = item.order if isinstance(item.order, int) else default
        subscriber = plugin_subscriber(name, plugin)
        yield Interception(subscriber, item.type or "", item.api_id or "", item.entity_type_name or "", order)


def plugin_notifications(name: str, plugin: PluginShown) -> Iterator[Notification]:
    """Return the notifications of a hosted plugin."""
    for item in (plugin.subscriptions.notifications if plugin.subscriptions else None) or ():
        subscriber = plugin_subscriber(name, plugin)
        yield Notification(
            subscriber, item.entity_type_name or "", item.action_name or "", template=item.template_name or ""
        )


def endpoint_interception(shown: InterceptionShown) -> Interception:
    """Return an endpoint's interception."""
    order = shown.execution_order if isinstance(shown.execution_order, int) else None
    return Interception(
        endpoint_subscriber(shown.endpoint),
        shown.type or "",
        shown.api_id or "",
        shown.entity_name or "",
        order,
        dict(shown.path_filters or {}),
    )


def endpoint_notification(shown: NotificationShown) -> Notification:
    """Return an endpoint's notification."""
    return Notification(
        endpoint_subscriber(shown.endpoint),
        shown.entity_type_name or "",
        shown.action_name or "",
        template=shown.template_name or "",
    )


def endpoint_subscriber(endpoint: str) -> Subscriber:
    """Return an endpoint as a subscriber; parts of the address that may be secrets are not shown."""
    return Subscriber(endpoint, public_part(endpoint), is_hosted=False)


def hosted_by(endpoint: str, addresses: Mapping[str, Subscriber]) -> Subscriber | None:
    """Return the plugin to which an endpoint belongs, because it is the plugin's address or lies below it.

    ``addresses`` are the addresses of plugins, without a slash at the end.
    """
    place = re.split(r"[?#]", endpoint, maxsplit=1)[0].rstrip("/")
    while place:
        if place in addresses:
            return addresses[place]
        place = place.rpartition("/")[0]
    return None


def with_plugins(own: list[ItemT], listed: Iterable[ItemT], plugins: Mapping[str, Subscriber]) -> list[ItemT]:
    """Merge the subscriptions that hosted plugins show with the list of endpoints' subscriptions.

    An endpoint of a hosted plugin counts as that plugin. A platform may also list the subscriptions of hosted plugins,
    with their actual orders: if it lists all of them, only that list counts.
    """
    named = [replace(item, subscriber=hosted_by(item.subscriber.key, plugins) or item.subscriber) for item in listed]
    there = {_identity(item) for item in named}
    if own and all(_identity(item) in there for item in own):
        return named
    return own + named


def _identity(item: Interception | Notification) -> tuple[str, ...]:
    if isinstance(item, Notification):
        return item.subscriber.key, item.entity, item.action, item.template
    target = item.entity if item.type == ADAPT_ENTITY else item.api_id
    for name, value in item.filters.items():
        target = target.replace(f"{{{name}}}", value)
    return item.subscriber.key, item.type, target


def reference_of(rows: Iterable[InterceptionConfiguration]) -> Reference:
    """Return what can be intercepted, from the platform's rows; a row without an API is an entity to adapt."""
    apis, entities = [], set()
    for row in rows:
        entity = row.entity_type_name or ""
        if row.api_id:
            apis.append((row.api_id, entity))
        elif entity:
            entities.add(entity)
    return Reference(grouped(apis), frozenset(entities))


def grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, frozenset[str]]:
    """Group the second elements of pairs by the first."""
    found: dict[str, set[str]] = {}
    for name, value in pairs:
        found.setdefault(name, set()).add(value)
    return {name: frozenset(values) for name, values in found.items()}
