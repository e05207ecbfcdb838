"""A subscription's identity as text, and back: the parts that tell it from all others, with blanks between them.

``PRE_REQUEST POST/organization/v1/users/patients https://hooks.example.com/pre templateName=nurse`` and
``patient _create https://hooks.example.com/told nurse``. The platform's own ids change when it is subscribed anew.
"""

from __future__ import annotations

from urllib.parse import quote, unquote

from biot_provider.account_models import (
    InterceptionSubscriptionAnswer,
    InterceptionSubscriptionInputs,
    NotificationSubscriptionAnswer,
    NotificationSubscriptionInputs,
)
from biot_provider.errors import InputError

_KEPT = "/:?#[]@!$&'()*+,;={}"

Interception = InterceptionSubscriptionInputs | InterceptionSubscriptionAnswer
Notification = NotificationSubscriptionInputs | NotificationSubscriptionAnswer


def target(item: Interception) -> str:
    """What is intercepted: the API, or the entity for ADAPT_ENTITY; the other of the two is no part of the identity."""
    return (item.entity_name if item.type == "ADAPT_ENTITY" else item.api_id) or ""


def is_same(one: Interception, other: Interception) -> bool:
    """Whether the two are one subscription: a placeholder with its filter is the same as its value in the API's path
    (BioT API 2.4.2, subscriptions; platforms may show either).
    """
    return _meaning(one) == _meaning(other)


def _meaning(item: Interception) -> tuple[str, str, str, frozenset[tuple[str, str]]]:
    name, filters = target(item), {key: str(value) for key, value in (item.path_filters or {}).items()}
    for key in [key for key in filters if f"{{{key}}}" in name]:
        name = name.replace(f"{{{key}}}", filters.pop(key))
    return item.type, name, item.endpoint, frozenset(filters.items())


def interception_id(item: Interception) -> str:
    """The identity of an interception."""
    filters = sorted((item.path_filters or {}).items())
    parts = [quote(part, safe=_KEPT) for part in (item.type, target(item), item.endpoint)]
    return " ".join([*parts, *(f"{quote(name, safe='')}={quote(str(value), safe='')}" for name, value in filters)])


def interception_of(id_: str) -> InterceptionSubscriptionInputs:
    """The interception an identity means. Raises InputError."""
    kind, name, endpoint, *filters = (id_.split() + [""] * 3)[: max(3, len(id_.split()))]
    if not endpoint or not all("=" in item for item in filters):
        raise InputError(
            f"read interception {id_!r}: the id must be <type> <api_id or entity_name> <endpoint>"
            " [<placeholder>=<value> ...], with blanks between them"
        )
    pairs = (item.partition("=") for item in filters)
    return InterceptionSubscriptionInputs.model_construct(
        type=kind,  # type: ignore[arg-type]  # another one is found nowhere
        endpoint=unquote(endpoint),
        api_id=None if kind == "ADAPT_ENTITY" else unquote(name),
        entity_name=unquote(name) if kind == "ADAPT_ENTITY" else None,
        path_filters={unquote(key): unquote(value) for key, _, value in pairs},
    )


def notification_id(item: Notification) -> str:
    """The identity of a notification."""
    parts = (item.entity_type_name, item.action_name, item.endpoint, item.template_name)
    return " ".join(quote(part, safe=_KEPT) for part in parts if part)


def notification_of(id_: str) -> NotificationSubscriptionInputs:
    """The notification an identity means. Raises InputError."""
    parts = [unquote(part) for part in id_.split()]
    if len(parts) not in (3, 4):
        raise InputError(
            f"read notification {id_!r}: the id must be <entity_type_name> <action_name> <endpoint> [<template_name>],"
            " with blanks between them"
        )
    entity, action, endpoint, *template = parts
    return NotificationSubscriptionInputs.model_construct(
        entity_type_name=entity,
        action_name=action,
        endpoint=endpoint,
        template_name=template[0] if template else None,
    )
