"""The faults of one hook, each as a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from biot_provider.hooks import ADAPT_ENTITY, POST_REQUEST, PRE_REQUEST
from biot_provider.hooks.api_ids import API_ID, placeholder
from biot_provider.hooks.labels import listed
from biot_provider.hooks.model import (
    Conflict,
    Fault,
    Interception,
    Reference,
    Subscriber,
)

EQUAL_ORDERS = "who is deployed last gets it, and the other moves up; give each an order of its own"
"""The consequence of equal orders, and what to do."""


def equal_order(hook: tuple[str, str], order: int, subscribers: Sequence[Subscriber]) -> Conflict:
    """Report subscribers with the same order at a hook (BioT API 2.4.2, dispatcher: orders are unique there)."""
    names = listed([subscriber.label for subscriber in subscribers])
    return Conflict(Fault.EQUAL_ORDER, f"{names} have order {order} at {_shown(hook)}: {EQUAL_ORDERS}")


def twice(hook: tuple[str, str], subscriber: Subscriber) -> Conflict:
    """Report a subscriber that one call reaches twice."""
    return Conflict(Fault.DUPLICATE, f"{subscriber.label} is subscribed twice to {_shown(hook)}: leave one out")


def never_runs(item: Interception, target: str, reference: Reference | None) -> Conflict | None:
    """Report why no call can reach an interception; None if a call can, or if that is unknown."""
    why = why_never(item, target, reference)
    if why is None:
        return None
    return Conflict(Fault.NEVER_RUNS, f"{item.subscriber.label} never runs at {_shown((item.type, target))}: {why}")


def why_never(item: Interception, target: str, reference: Reference | None) -> str | None:
    """Return why no call can reach an interception, as a phrase."""
    if item.type == ADAPT_ENTITY:
        if not item.entity:
            return "it names no entity"
        if reference is not None and reference.entities and item.entity not in reference.entities:
            return "this platform has no such entity to adapt"
        return None
    if item.type not in (PRE_REQUEST, POST_REQUEST):
        return "the type is none that this version knows"
    if not API_ID.fullmatch(item.api_id):
        return "its API is no method with a path behind it"
    missing = [name for name in item.filters if name not in map(placeholder, item.api_id.split("/"))]
    if missing:
        return f"its API has no {{{missing[0]}}} that a filter could be for"
    if reference is None or not reference.apis:
        return None
    if target not in reference.apis:
        return "this platform has no such API to intercept"
    if item.entity and item.entity not in reference.apis[target]:
        return f"that API is of {' and '.join(sorted(reference.apis[target]))}, not of {item.entity}"
    return None


def _shown(hook: tuple[str, str]) -> str:
    return " ".join(part for part in hook if part) or "no hook"
