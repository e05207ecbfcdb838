"""A subscription's id: the parts that identify it, with blanks between them.

``PRE_REQUEST POST/organization/v1/users/patients https://hooks.example.com/pre`` and ``patient _create
https://hooks.example.com/created nurse``. Possible secrets, such as the query of an endpoint and the values of filters,
are left out: instead the id ends in a digest of all parts, ``sha256:<16 hex digits>``. Ids of earlier versions have
them as text, ``... https://hooks.example.com/pre?code=... templateName=nurse``, which can be parsed too.
"""

from __future__ import annotations

import hashlib
import json
import re
from urllib.parse import quote, unquote

from biot_provider.api.endpoints import public_part
from biot_provider.api.models.subscriptions import SubscriptionShown
from biot_provider.errors import InputError
from biot_provider.subscription.model import InterceptionSubscriptionState, NotificationSubscriptionState

_KEPT = "/:?#[]@!$&'()*+,;={}"
_DIGEST = re.compile(r"sha256:[0-9a-f]{16}")


def id_of(item: SubscriptionShown) -> str:
    """Return the id of a subscription."""
    words = [quote(word, safe=_KEPT) for word in item.id_parts()]
    return " ".join([*words, digest_of(item)] if item.has_secret() else words)


def digest_of(item: SubscriptionShown) -> str:
    """Return the digest that replaces possible secrets in an id."""
    return f"sha256:{hashlib.sha256(json.dumps(item.identity()).encode()).hexdigest()[:16]}"


def digest_in(id_: str) -> str | None:
    """Return the digest in an id, if it has one."""
    last = id_.split()[-1:]
    return last[0] if last and _DIGEST.fullmatch(last[0]) else None


def without_secrets(id_: str) -> str:
    """Return an id in a form that may be quoted, whoever wrote it."""
    return " ".join(re.sub(r"=.*", "=...", public_part(word), flags=re.DOTALL) for word in id_.split(" "))


def parse_interception_id(id_: str) -> InterceptionSubscriptionState:
    """Return the interception that an id without a digest identifies. Raises InputError."""
    words = id_.split()
    kind, name, endpoint = words[:3] if len(words) >= 3 else ("", "", "")
    if not endpoint or not all("=" in word for word in words[3:]):
        raise InputError(
            f"read interception {without_secrets(id_)!r}: the id must be <type> <api_id or entity_name> <endpoint>"
            " [<placeholder>=<value> ...], with blanks between them",
            "BIOT-2160",
        )
    pairs = (word.partition("=") for word in words[3:])
    return InterceptionSubscriptionState(
        type=kind,
        endpoint=unquote(endpoint),
        api_id=None if kind == "ADAPT_ENTITY" else unquote(name),
        entity_name=unquote(name) if kind == "ADAPT_ENTITY" else None,
        path_filters={unquote(place): unquote(value) for place, _, value in pairs},
    )


def parse_notification_id(id_: str) -> NotificationSubscriptionState:
    """Return the notification that an id without a digest identifies. Raises InputError."""
    words = [unquote(word) for word in id_.split()]
    if len(words) not in (3, 4):
        raise InputError(
            f"read notification {without_secrets(id_)!r}: the id must be <entity_type_name> <action_name> <endpoint>"
            " [<template_name>], with blanks between them",
            "BIOT-2160",
        )
    entity, action, endpoint, *template = words
    return NotificationSubscriptionState(
        entity_type_name=entity, action_name=action, endpoint=endpoint, template_name=template[0] if template else None
    )
