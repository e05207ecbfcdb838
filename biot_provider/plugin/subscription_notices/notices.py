"""What a preview reports about a plugin's new subscriptions: missing APIs and entities, and other subscribers."""

from __future__ import annotations

import difflib
import re
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from biot_provider.errors import Notice
from biot_provider.hooks import ADAPT_ENTITY
from biot_provider.hooks.api_ids import Templates
from biot_provider.hooks.faults import EQUAL_ORDERS, why_never
from biot_provider.hooks.labels import MAX_SENTENCE, listed, one_line
from biot_provider.hooks.model import Interception, Notification, Reference
from biot_provider.hooks.picture import Placed, neighbours, placed
from biot_provider.hooks.subscriptions import plugin_interceptions, plugin_notifications
from biot_provider.lifecycle.codec import holds_unknown
from biot_provider.lifecycle.kind import Given
from biot_provider.plugin.model import PluginState
from biot_provider.plugin.subscription_notices.live import LiveHooks

_NEAREST = 3


_Line = tuple[str | None, str]
"""The code of a warning, or None for a note, and its text."""
_MISSING, _EQUAL_ORDERS = "BIOT-5110", "BIOT-5111"


class NewSubscriptions:
    """The subscriptions that a run declares, in addition to those on the platform."""

    def __init__(self) -> None:
        self._declared: dict[str, list[Interception]] = {}
        self._templates = Templates()
        self._lock = threading.Lock()

    def notices(self, given: Given, old: Given, live: LiveHooks) -> Iterator[Notice]:
        """Yield each notice about subscriptions that the inputs before did not have; no request where there is none."""
        name = given.get("name")
        if isinstance(name, str):
            for code, text in self._lines(name, given, old, live):
                yield Notice(one_line(f"plugin {name!r}: {text}", MAX_SENTENCE), code)

    def _lines(self, name: str, given: Given, old: Given, live: LiveHooks) -> Iterator[_Line]:
        interceptions, notifications = _subscriptions(name, given)
        before = _subscriptions(name, old)
        with self._lock:
            self._declared[name] = interceptions
            declared = dict(self._declared)
        known = {_parts(one) for one in before[0]}
        new = [one for one in interceptions if _parts(one) not in known]
        new_notifications = [one for one in notifications if one not in before[1]]
        if new:
            yield from self._about_interceptions(name, new, declared, live, is_new=not old)
        yield from _about_notifications(new_notifications, live)

    def _about_interceptions(
        self,
        name: str,
        new: list[Interception],
        declared: Mapping[str, list[Interception]],
        live: LiveHooks,
        *,
        is_new: bool,
    ) -> Iterator[_Line]:
        reference = live.reference()
        deployed = live.interceptions()
        others = [one for one in deployed or () if one.subscriber.label not in declared]
        others += [one for plugin, items in declared.items() if plugin != name for one in items]
        with self._lock:
            everyone = placed([*new, *others], reference, self._templates)
        own = {id(one) for one in new}
        there = [one for one in everyone if id(one.interception) not in own]
        for item in everyone:
            if id(item.interception) in own:
                if reference is not None:
                    yield from _missing(item, reference)
                yield from _meetings(item, there, is_new=is_new and deployed is not None)


def _subscriptions(name: str, given: Given) -> tuple[list[Interception], list[Notification]]:
    """Return the known subscriptions in a plugin's arguments."""
    declared = given.get("subscriptions")
    if not isinstance(declared, Mapping):
        return [], []
    sound = {key: _known_items(value) for key, value in declared.items() if isinstance(value, list | tuple)}
    orders = {key: value for key, value in declared.items() if not isinstance(value, list | tuple)}
    if holds_unknown(orders):  # its order follows from a value that is not known yet
        return [], list(plugin_notifications(name, _plugin(name, sound)))
    plugin = _plugin(name, {**sound, **orders})
    return list(plugin_interceptions(name, plugin)), list(plugin_notifications(name, plugin))


def _known_items(items: Iterable[Any]) -> list[Any]:
    return [item for item in items if not holds_unknown(item)]


def _plugin(name: str, subscriptions: Mapping[str, Any]) -> PluginState:
    return PluginState.model_validate({"name": name, "subscriptions": subscriptions})


def _parts(item: Interception) -> tuple[Any, ...]:
    return item.type, item.api_id, item.entity, item.order


def _missing(item: Placed, reference: Reference) -> Iterator[_Line]:
    """Report that the platform has no such API or entity, with the nearest that it has."""
    interception = item.interception
    if (why := why_never(interception, item.target, reference)) is None:
        return
    near = ""
    if interception.type == ADAPT_ENTITY:
        near = _nearest(interception.entity, reference.entities)
    elif item.target not in reference.apis:
        near = _nearest(interception.api_id, reference.apis)
    yield _MISSING, f"{interception.type} {_target(interception)}: {why}{near}"


def _meetings(item: Placed, others: Iterable[Placed], *, is_new: bool) -> Iterator[_Line]:
    """Report subscribers with an interception's order, and for a new plugin, the subscribers before and after it."""
    before, beside, after = (_labels(found) for found in neighbours(item, others))
    hook = f"{item.interception.type} {_target(item.interception)}"
    order = item.interception.order
    if beside:
        yield _EQUAL_ORDERS, f"{hook}: order {order} is that of {listed(beside)} too: {EQUAL_ORDERS}"
    if is_new and (before or after):
        sides = [f"{word} {listed(names)}" for word, names in (("after", before), ("before", after)) if names]
        yield None, f"{hook}: with order {order} it runs {' and '.join(sides)}"


def _about_notifications(new: Collection[Notification], live: LiveHooks) -> Iterator[_Line]:
    if new and (actions := live.actions()) is not None:
        for item in new:
            yield from _missing_action(item, actions)
    limited = [item for item in new if item.template]
    if limited and (templates := live.templates()) is not None:
        for item in limited:
            names = templates.get(item.entity)
            if names and item.template not in names:
                near = _nearest(item.template, names)
                yield _MISSING, f"{_hook(item)}: this platform has no template {item.template!r} of {item.entity}{near}"


def _missing_action(item: Notification, actions: Mapping[str, Collection[str]]) -> Iterator[_Line]:
    entity = {_spelt(entity): entity for entity in actions}.get(_spelt(item.entity))
    if entity is None:
        yield _MISSING, f"{_hook(item)}: this platform has no entity {item.entity!r}{_nearest(item.entity, actions)}"
    elif _spelt(item.action) not in set(map(_spelt, actions[entity])):
        near = _nearest(item.action, actions[entity])
        yield _MISSING, f"{_hook(item)}: this platform notifies of no action {item.action!r} of {entity}{near}"


def _hook(item: Notification) -> str:
    return f"notification {item.entity} {item.action}"


def _spelt(name: str) -> str:
    """Return a name in a form that ignores differences of spelling: the platform may list CREATE for ``_create``."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _nearest(word: str, allowed: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(allowed), _NEAREST, 0.6)
    return f"; the nearest it has: {', '.join(close)}" if close else ""


def _labels(found: Iterable[Placed]) -> list[str]:
    return list(dict.fromkeys(one.interception.subscriber.label for one in found))


def _target(item: Interception) -> str:
    return item.entity if item.type == ADAPT_ENTITY else item.api_id
