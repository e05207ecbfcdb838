"""What is wrong with the arguments of service users, keys and subscriptions, as far as it shows without the platform.

Problems stop a preview and come back all at once, each with the path of its property; warnings are sentences. A name
of an entity or an action is never a problem: the platform may know more of them than this version does.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from biot_provider.account_models import (
    ACTIONS,
    ENTITIES,
    InterceptionSubscriptionInputs,
    NotificationSubscriptionInputs,
    ServiceUserInputs,
    ServiceUserKeyInputs,
)
from biot_provider.models import Model
from biot_provider.rules import API_ID, WRONG_TYPE, Problem, nearest, shown, snake

IsUnknown = Callable[[object], bool]

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
"""The actions of each entity that BioT tells about (docs.biot-med.com, biot-notification-plugins)."""

_EXAMPLE_API = "such as POST/organization/v1/users/patients"
_PRIVATE_NAMES = ("localhost", "local", "internal", "home.arpa")
_METHOD_AND_PATH = re.compile(r"\s*([A-Za-z]+)\s*(/\S*)\s*")
_PLACEHOLDER = re.compile(r"\{([^{}/]+)\}")


def service_user_problems(values: Mapping[str, Any], is_unknown: IsUnknown) -> list[Problem]:
    """Every problem of a service user's arguments, in the order of their paths."""
    return _sorted(_model_problems(ServiceUserInputs, values, is_unknown))


def service_user_key_problems(values: Mapping[str, Any], is_unknown: IsUnknown) -> list[Problem]:
    """Every problem of a key's arguments, in the order of their paths."""
    return _sorted(_model_problems(ServiceUserKeyInputs, values, is_unknown))


def interception_problems(values: Mapping[str, Any], is_unknown: IsUnknown, *, public: bool) -> list[Problem]:
    """Every problem of an interception's arguments; ``public`` says whether the endpoint must be a public one."""
    return _sorted(
        [
            *_model_problems(InterceptionSubscriptionInputs, values, is_unknown),
            *_endpoint_problems(values.get("endpoint"), public=public),
            *_target_problems(values),
            *_filter_problems(values.get("path_filters"), values.get("api_id")),
        ]
    )


def notification_problems(values: Mapping[str, Any], is_unknown: IsUnknown, *, public: bool) -> list[Problem]:
    """Every problem of a notification's arguments; ``public`` says whether the endpoint must be a public one."""
    return _sorted(
        [
            *_model_problems(NotificationSubscriptionInputs, values, is_unknown),
            *_endpoint_problems(values.get("endpoint"), public=public),
        ]
    )


def interception_warning(values: Mapping[str, Any]) -> str | None:
    """A sentence when the entity's name looks like a slip; names that resemble none may be the platform's."""
    entity = values.get("entity_name")
    near = nearest(entity, ENTITIES) if isinstance(entity, str) and entity not in ENTITIES else ""
    return f"entity_name {entity!r} is none that this version knows{near}" if near else None


def notification_warning(values: Mapping[str, Any]) -> str | None:
    """A sentence when the entity or the action, or the two together, are none that are known to be told about."""
    entity, action = values.get("entity_type_name"), values.get("action_name")
    if isinstance(entity, str) and entity not in ENTITIES:
        return f"entity_type_name {entity!r} is none that this version knows{nearest(entity, ENTITIES)}"
    if not isinstance(action, str):
        return None
    if action not in ACTIONS:
        return f"action_name {action!r} is none that this version knows{nearest(action, ACTIONS)}"
    told = _NOTIFIED.get(str(entity), action).split()
    if action not in told:
        return f"BioT is not known to tell about {action} of {entity}, only about {', '.join(told)}"
    return None


def _sorted(problems: Iterator[Problem] | list[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda problem: problem.path)


def _model_problems(model: type[Model], values: Mapping[str, Any], is_unknown: IsUnknown) -> Iterator[Problem]:
    try:
        model.model_validate(values)
    except ValidationError as error:
        for found in error.errors(include_url=False):
            if not is_unknown(found["input"]):
                path = ".".join(str(part) for part in found["loc"])
                yield Problem(snake(path) if found["type"] == "missing" else path, _text(found, model))


def _text(found: Mapping[str, Any], model: type[Model]) -> str:
    kind, given, context = found["type"], found["input"], found.get("ctx", {})
    if kind == "extra_forbidden":
        return "unknown argument" + nearest(found["loc"][0], sorted(set(model.model_fields) - {"owner"}))
    if kind == "literal_error":
        near = nearest(given, re.findall(r"'([^']*)'", context["expected"]))
        return f"must be {context['expected']}, not {shown(given)}{near}"
    if kind == "string_pattern_mismatch":
        return f"must be a UUID, such as 0b8f6f4e-2a55-4c4c-9d83-7f0d5b0b7a11, not {shown(given)}"
    if kind in ("greater_than_equal", "less_than_equal"):
        return f"must be 1 or more{'' if given < 1 else ', at most 2147483647'}, not {shown(given)}"
    if kind == "string_too_long":
        return f"must be at most {context['max_length']} characters, not {len(given)}"
    if kind in WRONG_TYPE:
        return f"must be {WRONG_TYPE[kind]}, not {shown(given)}"
    return {"missing": "is required", "string_too_short": "must not be empty"}.get(kind, str(found["msg"]))


def _target_problems(values: Mapping[str, Any]) -> Iterator[Problem]:
    kind, api_id = values.get("type"), values.get("api_id")
    if kind == "ADAPT_ENTITY":
        if api_id is not None:
            yield Problem("api_id", "must be left out for ADAPT_ENTITY: name the entity_name")
        if values.get("entity_name") is None:
            yield Problem("entity_name", "is required for ADAPT_ENTITY, such as device")
    elif kind in ("PRE_REQUEST", "POST_REQUEST"):
        if api_id is None:
            yield Problem("api_id", f"is required for {kind}, {_EXAMPLE_API}")
        elif isinstance(api_id, str) and api_id and not API_ID.fullmatch(api_id):
            yield Problem("api_id", f"must be a method and a path, {_EXAMPLE_API}, not {shown(api_id)}{_meant(api_id)}")


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
            yield Problem(f"path_filters.{name}", f"must be a placeholder of api_id, {there}{nearest(name, places)}")


def _endpoint_problems(endpoint: object, *, public: bool) -> Iterator[Problem]:
    if isinstance(endpoint, str) and endpoint and (problem := _endpoint_problem(endpoint, public=public)):
        yield Problem("endpoint", problem)


def _endpoint_problem(endpoint: str, *, public: bool) -> str | None:
    """No name is looked up: what a name leads to may differ where the platform stands."""
    try:
        parts = urlsplit(endpoint)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        host, port = "", None
    if not host or port == 0 or re.search(r"[\s\\]", endpoint):
        return f"must be an https address, such as https://hooks.example.com/biot, not {shown(_plain(endpoint))}"
    if parts.username is not None or parts.password is not None:
        return "must not hold a user name or password: BioT's calls carry a signed token instead"
    if parts.scheme != "https" and (public or parts.scheme != "http"):
        return f"must be https: BioT calls no {parts.scheme or 'other'} address"
    if parts.fragment:
        return "must have no fragment (#...): it never reaches the endpoint"
    if public and not _is_public(host):
        return f"must be public, for BioT calls it from outside: {host} is not"
    return None


def _plain(endpoint: str) -> str:
    """The address without what may be a password."""
    return re.sub(r"//[^/]*@", "//", endpoint)


def _is_public(host: str) -> bool:
    address = _address(host)
    if address is None:
        return "." in host and not any(host == name or host.endswith(f".{name}") for name in _PRIVATE_NAMES)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.is_global and not address.is_multicast


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address a host is written as, the short and numeric forms that networks take among them (127.1)."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return None
