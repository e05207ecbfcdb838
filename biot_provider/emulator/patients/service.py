"""Patients: the only API of the platform that is emulated in order to be intercepted and to send notifications.

A patient has any attributes that callers send, and a few members that the platform sets. The API follows the outline of
BioT's (release 2.4.2, organization), without its rules about templates.
"""

from __future__ import annotations

import json
import time
import uuid
from typing import TYPE_CHECKING, Any

from biot_provider.emulator.http import search
from biot_provider.emulator.http.errors import ApiError, invalid
from biot_provider.emulator.timestamps import iso

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from biot_provider.emulator.database import Store

Patient = dict[str, Any]

SEARCHED = search.Searched(words=("_id", "_email"), dates=("_creationTime", "_lastModifiedTime"))
_OWN = ("_id", "_ownerOrganization", "_template", "_creationTime", "_lastModifiedTime", "_enabled")
"""Members that the platform sets and no caller changes."""


class Patients:
    """The patients of one database."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self, body: Any, *, organization: str, template: str = "DefaultPatient") -> Patient:
        """Create a patient with these attributes. Raises ApiError."""
        now = iso(time.time())
        patient = {
            "_id": str(uuid.uuid4()),
            "_ownerOrganization": {"id": organization},
            "_template": {"name": template},
            "_enabled": True,
            **_attributes(body),
            "_creationTime": now,
            "_lastModifiedTime": now,
        }
        with self._store.writing() as db:
            db.execute("INSERT INTO patients (id, record) VALUES (?, ?)", (patient["_id"], json.dumps(patient)))
        return patient

    def get(self, patient_id: str) -> Patient:
        """Return one patient. Raises ApiError."""
        with self._store.reading() as db:
            return _existing(db, patient_id)

    def search(self, request: Any) -> dict[str, Any]:
        """Return one page of the patients that match a search request. Raises ApiError."""
        query = search.read_query(request, SEARCHED)
        with self._store.reading() as db:
            rows = db.execute("SELECT record FROM patients ORDER BY sequence DESC")
            return search.run(query, [json.loads(row["record"]) for row in rows])

    def update(self, patient_id: str, body: Any) -> tuple[Patient, Patient]:
        """Set the attributes sent, null removes one; return the patient after and before. Raises ApiError."""
        sent = _attributes(body)
        with self._store.writing() as db:
            old = _existing(db, patient_id)
            merged = {**old, **sent, "_lastModifiedTime": iso(time.time())}
            new = {name: value for name, value in merged.items() if value is not None}
            db.execute("UPDATE patients SET record = ? WHERE id = ?", (json.dumps(new), patient_id))
        return new, old

    def delete(self, patient_id: str) -> Patient:
        """Delete the patient and return it. Raises ApiError."""
        with self._store.writing() as db:
            old = _existing(db, patient_id)
            db.execute("DELETE FROM patients WHERE id = ?", (patient_id,))
        return old


def _existing(db: sqlite3.Connection, patient_id: str) -> Patient:
    row = db.execute("SELECT record FROM patients WHERE id = ?", (patient_id,)).fetchone()
    if row is None:
        raise ApiError(404, "PATIENT_NOT_FOUND", f"Patient [{patient_id}] not found", {"id": patient_id})
    record: Patient = json.loads(row["record"])
    return record


def _attributes(body: Any) -> Mapping[str, Any]:
    """Return the attributes that a caller may set, without the platform's members, which a resent response contains."""
    if not isinstance(body, dict):
        raise ApiError(400, "BAD_REQUEST", "the body must be a JSON object")
    if not isinstance(body.get("_email"), str | None):
        raise invalid("_email", "must be a string")
    return {name: value for name, value in body.items() if name not in _OWN}
