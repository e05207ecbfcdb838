"""Turns subscriptions into chains: groups them by hook, sorts them in the order of calls, and marks faults."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from biot_provider.hooks import ADAPT_ENTITY, POST_REQUEST, PRE_REQUEST
from biot_provider.hooks.api_ids import Templates, are_compatible, placeholder
from biot_provider.hooks.faults import equal_order, never_runs, twice
from biot_provider.hooks.model import (
    ApiChain,
    Conflict,
    EntityChain,
    Fault,
    Interception,
    Link,
    Notification,
    Notified,
    Picture,
    Reference,
    Subscriber,
)

_NO_ORDER = 2**63


@dataclass(frozen=True, slots=True)
class Placed:
    """An interception at its hook: its type, and the API's template or the entity."""

    interception: Interception
    target: str
    filters: Mapping[str, str]

    @property
    def hook(self) -> tuple[str, str]:
        """The type and the target."""
        return self.interception.type, self.target

    @property
    def place(self) -> tuple[int, str]:
        """The sort key: the order, with those without an order last."""
        order = self.interception.order
        return _NO_ORDER if order is None else order, self.interception.subscriber.label


def placed(
    interceptions: Iterable[Interception], reference: Reference | None = None, templates: Templates | None = None
) -> list[Placed]:
    """Return each interception at its hook, in the order of the calls there.

    An API id with a value in place of a placeholder belongs to the hook of its template, which comes from the platform
    or another interception. ``templates`` are those known so far; the templates of these interceptions are added.
    """
    interceptions = list(interceptions)
    templates = templates or Templates()
    templates.add(reference.apis if reference else ())
    templates.add(item.api_id for item in interceptions if "{" in item.api_id)
    found = []
    for item in interceptions:
        if item.type == ADAPT_ENTITY:
            found.append(Placed(item, item.entity, {}))
        else:
            template, values = templates.of(item.api_id)
            found.append(Placed(item, template, {**values, **item.filters}))
    return sorted(found, key=lambda one: (one.hook, one.place))


def picture_of(
    interceptions: Iterable[Interception],
    notifications: Iterable[Notification],
    subscribers: Iterable[Subscriber] = (),
    reference: Reference | None = None,
    notes: Iterable[str] = (),
) -> Picture:
    """Return the picture of these subscriptions; ``subscribers`` are all plugins, including those without a hook."""
    at_hooks: dict[tuple[str, str], list[Placed]] = defaultdict(list)
    for item in placed(interceptions, reference):
        at_hooks[item.hook].append(item)
    at_actions: dict[tuple[str, str], list[Notification]] = defaultdict(list)
    for note in notifications:
        at_actions[note.entity, note.action].append(note)

    conflicts: list[Conflict] = []
    chains = {hook: _links(hook, items, reference, conflicts) for hook, items in at_hooks.items()}
    notified = [
        Notified(*action, _notified_links(action, items, conflicts)) for action, items in sorted(at_actions.items())
    ]
    # An interception of an unknown type is drawn like one after the request, and marked as never running.
    targets = sorted({target for type_, target in chains if type_ != ADAPT_ENTITY}, key=_api_order)
    apis = [
        ApiChain(
            target,
            ", ".join(sorted(_entities(target, at_hooks, reference))),
            chains.get((PRE_REQUEST, target), ()),
            tuple(
                link
                for (type_, name), links in chains.items()
                if name == target and type_ not in (PRE_REQUEST, ADAPT_ENTITY)
                for link in links
            ),
        )
        for target in targets
    ]
    entities = [EntityChain(target, links) for (type_, target), links in chains.items() if type_ == ADAPT_ENTITY]
    hooked = [item.interception.subscriber for items in at_hooks.values() for item in items]
    hooked += [note.subscriber for items in at_actions.values() for note in items]
    conflicts += _disabled(hooked)
    keys = {subscriber.key for subscriber in hooked}
    unhooked = [subscriber for subscriber in subscribers if subscriber.key not in keys]
    return Picture(tuple(apis), tuple(entities), tuple(notified), tuple(unhooked), tuple(conflicts), notes=tuple(notes))


def neighbours(own: Placed, others: Iterable[Placed]) -> tuple[list[Placed], list[Placed], list[Placed]]:
    """Return those that run before an interception, with the same order, and after it, if one call can reach both."""
    met = [one for one in others if one.hook == own.hook and are_compatible(one.filters, own.filters)]
    order = own.place[0]
    return (
        [one for one in met if one.place[0] < order],
        [one for one in met if one.interception.order is not None and one.place[0] == order],
        [one for one in met if one.place[0] > order],
    )


def _links(
    hook: tuple[str, str], items: Sequence[Placed], reference: Reference | None, conflicts: list[Conflict]
) -> tuple[Link, ...]:
    faults: list[set[Fault]] = [set() for _ in items]
    at_one_place: dict[int, set[int]] = defaultdict(set)
    for index, item in enumerate(items):
        if not item.interception.subscriber.is_enabled:
            faults[index].add(Fault.DISABLED)
        if conflict := never_runs(item.interception, item.target, reference):
            faults[index].add(Fault.NEVER_RUNS)
            conflicts.append(conflict)
        for other in range(index):
            before = items[other]
            if not are_compatible(item.filters, before.filters):
                continue
            if before.interception.subscriber.key == item.interception.subscriber.key:
                faults[index].add(Fault.DUPLICATE)
                conflicts.append(twice(hook, item.interception.subscriber))
            elif (order := item.interception.order) is not None and order == before.interception.order:
                at_one_place[order] |= {other, index}
    for order, equal in at_one_place.items():
        for index in equal:
            faults[index].add(Fault.EQUAL_ORDER)
        conflicts.append(equal_order(hook, order, [items[index].interception.subscriber for index in sorted(equal)]))
    return tuple(
        Link(item.interception.subscriber, item.interception.order, _condition(item), frozenset(found))
        for item, found in zip(items, faults, strict=True)
    )


def _notified_links(
    action: tuple[str, str], items: Sequence[Notification], conflicts: list[Conflict]
) -> tuple[Link, ...]:
    links = []
    seen: list[Notification] = []
    for item in sorted(items, key=lambda one: (not one.subscriber.is_hosted, one.subscriber.label, one.template)):
        faults = set() if item.subscriber.is_enabled else {Fault.DISABLED}
        if any(
            one.subscriber.key == item.subscriber.key and (not one.template or one.template == item.template)
            for one in seen
        ):
            faults.add(Fault.DUPLICATE)
            conflicts.append(twice(("notification", " ".join(action)), item.subscriber))
        seen.append(item)
        condition = f"template {item.template}" if item.template else ""
        links.append(Link(item.subscriber, None, condition, frozenset(faults)))
    return tuple(links)


def _condition(item: Placed) -> str:
    """Return the condition of a link: a value that is in the API id is shown, the value of a filter is not."""
    type_ = item.interception.type
    if type_ not in (PRE_REQUEST, POST_REQUEST, ADAPT_ENTITY):
        return f"type {type_}"
    return ", ".join(
        f"one {name}" if name in item.interception.filters else f"{name} = {value}"
        for name, value in item.filters.items()
    )


def _entities(
    target: str, at_hooks: Mapping[tuple[str, str], Collection[Placed]], reference: Reference | None
) -> frozenset[str]:
    if reference and target in reference.apis:
        return reference.apis[target]
    items = [item for type_ in (PRE_REQUEST, POST_REQUEST) for item in at_hooks.get((type_, target), ())]
    return frozenset(item.interception.entity for item in items if item.interception.entity)


def _api_order(api_id: str) -> tuple[str, str]:
    method, _, path = api_id.partition("/")
    return "/".join("" if placeholder(part) else part for part in path.split("/")), method


def _disabled(hooked: Iterable[Subscriber]) -> list[Conflict]:
    counts: dict[str, int] = defaultdict(int)
    for subscriber in hooked:
        if not subscriber.is_enabled:
            counts[subscriber.label] += 1
    return [
        Conflict(
            Fault.DISABLED,
            f"{name} is disabled and stands at {count} hook{'' if count == 1 else 's'}: the platform does not say"
            " whether it calls it there; enable it, or take the subscriptions out",
        )
        for name, count in sorted(counts.items())
    ]
