"""Rules about the arguments of subscriptions that can be checked without the platform."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from biot_provider.hooks.api_ids import API_ID
from biot_provider.lifecycle.problems import IsUnknown, Problem, by_path, in_path, nearest, shown
from biot_provider.lifecycle.validation import Arguments
from biot_provider.subscription.model import (
    ACTIONS,
    ENTITIES,
    InterceptionSubscriptionInputs,
    NotificationSubscriptionInputs,
)

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_PERSON_ACTIONS = "_create _delete _incomingSms _login _logout _update _updateEnabledState"

_NOTIFIED: Mapping[str, str] = {
    **dict.fromkeys(("caregiver", "organization-user"), _PERSON_ACTIONS),
    "patient": f"{_PERSON_ACTIONS} _saveMeasurement _saveMeasurementBulk",
    "command": "_create _delete _start _stop _update",
    "device": "_activateCertificate _command _create _delete _generateCertificate _revokeCertificate _update",
    **dict.fromkeys(("device-alert", "patient-alert"), "_clear _create _delete _update"),
    **dict.fromkeys(("generic-entity", "registration-code"), "_create _delete _update"),
    "organization": "_create _delete _update _updateAdmin",
    "usage-session": "_create _delete _remotePause _remoteResume _remoteStart _remoteStop _update",
}
"""The actions of each entity that have notifications (docs.biot-med.com, biot-notification-plugins)."""

_EXAMPLE_API = "such as POST/organization/v1/users/patients"

_PRIVATE_NAMES = ("localhost", "local", "internal", "home.arpa")

_HOST = re.compile(r"[\w.-]+")

_NO_ADDRESS = re.compile(r"[\x00-\x20\x7f\\\s]")

_CREDENTIALS = re.compile(r"\s*([a-zA-Z][a-zA-Z0-9+.-]*:)?[/\\]*[^/\\?#]*(@|%40)", re.IGNORECASE)
"""A user name before the host, also in malformed addresses that lenient parsers accept (``https:user:word@host``)."""

_METHOD_AND_PATH = re.compile(r"\s*([A-Za-z]+)\s*(/\S*)\s*")

_PLACEHOLDER = re.compile(r"\{([^{}/]+)\}")

_INTERCEPTION = Arguments(InterceptionSubscriptionInputs)
_NOTIFICATION = Arguments(NotificationSubscriptionInputs)


def interception_problems(values: Mapping[str, Any], is_unknown: IsUnknown, *, public: bool) -> list[Problem]:
    """Return every problem of an interception's arguments; ``public`` is whether the endpoint must be public."""
    values, problems = _INTERCEPTION.examined(values, is_unknown)
    return by_path(
        [
            *problems,
            *_endpoint_problems(values.get("endpoint"), public=public),
            *_target_problems(values),
            *_filter_problems(values.get("path_filters"), values.get("api_id")),
        ]
    )


def notification_problems(values: Mapping[str, Any], is_unknown: IsUnknown, *, public: bool) -> list[Problem]:
    """Return every problem of a notification's arguments; ``public`` is whether the endpoint must be public."""
    values, problems = _NOTIFICATION.examined(values, is_unknown)
    return by_path([*problems, *_endpoint_problems(values.get("endpoint"), public=public)])


def interception_warning(values: Mapping[str, Any]) -> str | None:
    """Return a sentence if the entity's name looks misspelt; other unknown names may exist on the platform."""
    entity = values.get("entity_name")
    near = nearest(entity, ENTITIES) if isinstance(entity, str) and entity not in ENTITIES else ""
    return f"entity_name {shown(entity)} is none that this version knows{near}" if near else None


def notification_warning(values: Mapping[str, Any]) -> str | None:
    """Return a sentence if BioT is not known to have notifications for the entity, the action, or their combination."""
    entity, action = values.get("entity_type_name"), values.get("action_name")
    if isinstance(entity, str) and entity not in ENTITIES:
        return f"entity_type_name {shown(entity)} is none that this version knows{nearest(entity, ENTITIES)}"
    if not isinstance(action, str):
        return None
    if action not in ACTIONS:
        return f"action_name {shown(action)} is none that this version knows{nearest(action, ACTIONS)}"
    known = _NOTIFIED.get(str(entity), action).split()
    if action not in known:
        return f"BioT is not known to notify about {action} of {entity}, only about {', '.join(known)}"
    return None


def _target_problems(values: Mapping[str, Any]) -> Iterator[Problem]:
    kind, api_id = values.get("type"), values.get("api_id")
    if kind == "ADAPT_ENTITY":
        if api_id is not None:
            yield Problem("api_id", "must be left out for ADAPT_ENTITY: name the entity_name", "BIOT-2120")
        if values.get("entity_name") is None:
            yield Problem("entity_name", "is required for ADAPT_ENTITY, such as device", "BIOT-2123")
    elif kind in ("PRE_REQUEST", "POST_REQUEST"):
        if api_id is None:
            yield Problem("api_id", f"is required for {kind}, {_EXAMPLE_API}", "BIOT-2120")
        elif isinstance(api_id, str) and api_id and not API_ID.fullmatch(api_id):
            yield Problem(
                "api_id",
                f"must be a method and a path, {_EXAMPLE_API}, not {shown(api_id)}{_meant(api_id)}",
                "BIOT-2120",
            )


def _meant(api_id: str) -> str:
    parts = _METHOD_AND_PATH.fullmatch(api_id)
    likely = parts[1].upper() + parts[2] if parts else ""
    return f"; did you mean {likely!r}?" if API_ID.fullmatch(likely) else ""


def _filter_problems(filters: object, api_id: object) -> Iterator[Problem]:
    if not isinstance(filters, Mapping) or not isinstance(api_id, str):
        return
    places = _PLACEHOLDER.findall(api_id)
    for name in filters:
        if name not in places:
            there = f"it has {', '.join(places)}" if places else "it has none"
            yield Problem(
                f"path_filters.{in_path(name)}",
                f"must be a placeholder of api_id, {there}{nearest(name, places)}",
                "BIOT-2126",
            )


def _endpoint_problems(endpoint: object, *, public: bool) -> Iterator[Problem]:
    if isinstance(endpoint, str) and endpoint and (problem := _endpoint_problem(endpoint, public=public)):
        yield Problem("endpoint", problem, "BIOT-2125")


def _endpoint_problem(endpoint: str, *, public: bool) -> str | None:
    """Check the endpoint's address without a DNS lookup: its result may differ at the platform's location.

    Messages quote only the host: the path and the query may be secrets. If an @ follows, the host may be part of a
    password with a slash in it.
    """
    if _CREDENTIALS.match(endpoint):
        return "must not hold a user name or password: BioT's calls carry a signed token instead"
    try:
        parts = urlsplit(endpoint)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        host, port = "", None
    address, quoted = _address(host), "its host" if "@" in endpoint else shown(host)
    if port == 0 or _NO_ADDRESS.search(endpoint) or not (address or _HOST.fullmatch(host)) or not parts.scheme:
        return "must be an https address, such as https://hooks.example.com/biot"
    if parts.scheme == "http" and not (public or _is_loopback(host, address)):
        return f"must be https: plain http may only go to this machine (localhost), not to {quoted}"
    if parts.scheme != "https" and (public or parts.scheme != "http"):
        return f"must be https: BioT calls no {parts.scheme} address"
    if parts.fragment:
        return "must have no fragment (#...): it never reaches the endpoint"
    if public and not _is_public(host, address):
        return f"must be public, for BioT calls it from outside: {quoted} is not"
    return None


def _is_public(host: str, address: _Address | None) -> bool:
    if address is None:
        return "." in host and not any(host == name or host.endswith(f".{name}") for name in _PRIVATE_NAMES)
    return address.is_global and not address.is_multicast


def _is_loopback(host: str, address: _Address | None) -> bool:
    if address is None:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback


def _address(host: str) -> _Address | None:
    """Return the IP address that a host name stands for, also in the short and numeric forms (127.1)."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        try:
            return ipaddress.IPv4Address(socket.inet_aton(host))
        except (OSError, ValueError):
            return None
    return (address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None) or address
