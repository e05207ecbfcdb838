"""A picture as plain values, for JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from biot_provider.hooks.model import Fault, Link, Picture, Subscriber


def as_json(picture: Picture) -> dict[str, Any]:
    """Return the picture as maps and lists, without the secret parts of subscribers."""
    return {
        "apis": [
            {"api_id": api.api_id, "entity": api.entity, "before": _links(api.before), "after": _links(api.after)}
            for api in picture.apis
        ],
        "entities": [{"entity": chain.entity, "adapted_by": _links(chain.links)} for chain in picture.entities],
        "notifications": [
            {"entity": one.entity, "action": one.action, "notified": _links(one.links)} for one in picture.notified
        ],
        "no_hook": [_subscriber(one) for one in picture.unhooked],
        "conflicts": [
            {"fault": conflict.fault.value, "text": conflict.text, "code": conflict.fault.message_code}
            for conflict in picture.conflicts
        ],
        "notes": list(picture.notes),
    }


def _links(links: Iterable[Link]) -> list[dict[str, Any]]:
    return [
        {
            **_subscriber(link.subscriber),
            "order": link.order,
            "condition": link.condition,
            "faults": [fault.value for fault in Fault if fault in link.faults],
        }
        for link in links
    ]


def _subscriber(subscriber: Subscriber) -> dict[str, Any]:
    kind = "plugin" if subscriber.is_hosted else "endpoint"
    return {"name": subscriber.label, "kind": kind, "enabled": subscriber.is_enabled}
