"""An entity of each kind that the platform notifies about (BioT API 2.4.2, dispatcher); the values are made up."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any

from biot_provider.emulator.timestamps import iso

ORGANIZATION = "00000000-0000-0000-0000-000000000000"
ENTITY, ACTION = "patient", "_update"
"""The entity and action of a call where nothing names others."""

_PEOPLE = ("_create", "_delete", "_incomingSms", "_login", "_logout", "_update", "_updateEnabledState")
_RECORDS = ("_create", "_delete", "_update")
_ALERTS = ("_clear", *_RECORDS)
ACTIONS: Mapping[str, tuple[str, ...]] = {
    "caregiver": _PEOPLE,
    "command": ("_start", "_stop", *_RECORDS),
    "device": ("_activateCertificate", "_command", "_generateCertificate", "_revokeCertificate", *_RECORDS),
    "device-alert": _ALERTS,
    "generic-entity": _RECORDS,
    "organization": ("_updateAdmin", *_RECORDS),
    "organization-user": _PEOPLE,
    "patient": ("_saveMeasurement", "_saveMeasurementBulk", *_PEOPLE),
    "patient-alert": _ALERTS,
    "registration-code": _RECORDS,
    "usage-session": ("_remotePause", "_remoteResume", "_remoteStart", "_remoteStop", *_RECORDS),
}
"""Entity -> the actions that the platform's documentation lists for it."""

_PERSON = {
    "_name": {"firstName": "Ada", "lastName": "Example"},
    "_email": "ada@example.com",
    "_phone": "+12025550123",
    "_enabled": "ACTIVE",
}
_ALERT = {"_name": "battery", "_severity": "MINOR", "_state": "ACTIVE", "_clearNotes": None}
_OWN: Mapping[str, Mapping[str, Any]] = {
    "caregiver": {**_PERSON, "_employeeId": "E-17"},
    "command": {"_state": "IN_PROGRESS", "_device": {"id": "device-17"}, "_progressPercentage": 20},
    "device": {
        "_description": "Bedside monitor",
        "_operational": {"_status": "OK", "_message": ""},
        "_status": {"_connection": {"_connected": True}},
        "battery_level": 80,
    },
    "device-alert": {**_ALERT, "_device": {"id": "device-17"}},
    "generic-entity": {"_name": "Bed 12"},
    "organization": {"_name": "Example Clinic", "_timezone": "Europe/Berlin", "_locale": "en-us"},
    "organization-user": {**_PERSON, "_employeeId": "E-18"},
    "patient": {**_PERSON, "_dateOfBirth": "1985-12-10", "heart_rate": 68, "oxygen_saturation": 97},
    "patient-alert": {**_ALERT, "_patient": {"id": "patient-17"}},
    "registration-code": {"_code": "example-code"},
    "usage-session": {"_state": "ACTIVE", "_device": {"id": "device-17"}, "_patient": {"id": "patient-17"}},
}
_CHANGES: Mapping[str, Mapping[str, Any]] = {
    "caregiver": {"_phone": "+12025550199"},
    "command": {"_progressPercentage": 60},
    "device": {"_operational": {"_status": "MAJOR", "_message": "Pump blocked"}, "battery_level": 12},
    "device-alert": {"_severity": "MAJOR"},
    "generic-entity": {"_name": "Bed 14"},
    "organization": {"_locale": "de-de"},
    "organization-user": {"_phone": "+12025550199"},
    "patient": {"heart_rate": 72, "oxygen_saturation": 96},
    "patient-alert": {"_severity": "MAJOR"},
    "registration-code": {"_code": "another-code"},
    "usage-session": {"_state": "PAUSED", "heart_rate": 72},
}


def entity(kind: str, template: str | None = None) -> dict[str, Any]:
    """Return a sample entity; of an unknown kind it has the members that all kinds have."""
    now = time.time()
    return {
        "_id": str(uuid.uuid4()),
        **_OWN.get(kind, {"_name": "Example"}),
        "_ownerOrganization": {"id": ORGANIZATION},
        "_template": {"id": str(uuid.uuid4()), "name": template or f"{kind}-template"},
        "_creationTime": iso(now - 86400),
        "_lastModifiedTime": iso(now),
    }


def changes(kind: str) -> dict[str, Any]:
    """Return the attributes that an update sends."""
    return dict(_CHANGES.get(kind, {"_name": "Changed"}))


def attributes(kind: str) -> dict[str, Any]:
    """Return the attributes that a creation sends."""
    return dict(_OWN.get(kind, {"_name": "Example"}))
