"""Reference data for interceptions and notifications: entities, their APIs and actions (BioT API 2.4.3, settings).

Entities, actions and their pairs come from the API's documents. These give only a few examples of APIs that can be
intercepted, so the list here is a choice; the same holds for the services to which entities belong.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_OF_A_PERSON = "_create _delete _incomingSms _login _logout _update _updateEnabledState"
_OF_ANYTHING = "_create _delete _update"
NOTIFIED: Mapping[str, tuple[str, ...]] = {
    entity: tuple(actions.split())
    for entity, actions in {
        "caregiver": _OF_A_PERSON,
        "command": f"{_OF_ANYTHING} _start _stop",
        "device": f"{_OF_ANYTHING} _activateCertificate _command _generateCertificate _revokeCertificate",
        "device-alert": f"{_OF_ANYTHING} _clear",
        "generic-entity": _OF_ANYTHING,
        "organization": f"{_OF_ANYTHING} _updateAdmin",
        "organization-user": _OF_A_PERSON,
        "patient": f"{_OF_A_PERSON} _saveMeasurement _saveMeasurementBulk",
        "patient-alert": f"{_OF_ANYTHING} _clear",
        "registration-code": _OF_ANYTHING,
        "usage-session": f"{_OF_ANYTHING} _remotePause _remoteResume _remoteStart _remoteStop",
    }.items()
}
"""Each entity and its actions that have notifications."""
ENTITIES = tuple(NOTIFIED)
ACTIONS = tuple(
    sorted(
        {action for actions in NOTIFIED.values() for action in actions}
        | {"_list", "_operate", "_read", "_manage", "_assign", "_monitor", "_view", "_resendInvitation"}
    )
)
"""Every action of the API, with or without notifications."""

_COLLECTIONS = {
    "caregiver": "/organization/v1/users/caregivers",
    "device": "/device/v2/devices",
    "patient": "/organization/v1/users/patients",
    "usage-session": "/device/v1/devices/{deviceId}/usage-sessions",
}
_ON_DEVICES = ("device", "command", "device-alert", "usage-session")


def interception_configurations() -> list[dict[str, Any]]:
    """Return the APIs that can be intercepted, and for ADAPT_ENTITY, entities in rows without an API."""
    rows = [
        {"entityTypeName": entity, "servicePrefix": prefix(entity), "apiId": method + path + rest}
        for entity, path in _COLLECTIONS.items()
        for method, rest in (
            ("GET", ""),
            ("POST", ""),
            ("POST", "/templates/{templateName}"),
            ("GET", "/{id}"),
            ("PATCH", "/{id}"),
            ("DELETE", "/{id}"),
        )
    ]
    return rows + [{"entityTypeName": entity, "servicePrefix": prefix(entity), "apiId": None} for entity in ENTITIES]


def is_configured(api_id: str) -> bool:
    """Return whether the API can be intercepted; it may have values in place of placeholders."""
    return any(_fits(api_id, row["apiId"]) for row in interception_configurations() if row["apiId"])


def prefix(entity: str) -> str:
    """Return the path prefix of an entity's service."""
    if entity == "generic-entity":
        return "/generic-entity"
    return "/device" if entity in _ON_DEVICES else "/organization"


def display_name(name: str) -> str:
    """Return `Save Measurement` for `_saveMeasurement`, `Usage Session` for `usage-session`."""
    return " ".join(word.capitalize() for word in _words(name))


def upper(name: str) -> str:
    """Return `SAVE_MEASUREMENT` for `_saveMeasurement`."""
    return "_".join(_words(name)).upper()


def _words(name: str) -> list[str]:
    return re.findall(r"[A-Z]?[a-z]+", name)


def _fits(api_id: str, template: str) -> bool:
    segments, places = api_id.split("/"), template.split("/")
    return len(segments) == len(places) and all(
        place == segment or place.startswith("{") for segment, place in zip(segments, places, strict=True)
    )
