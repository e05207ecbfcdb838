"""Patients: what can be done with them when nobody intercepts."""

from __future__ import annotations

import json
from typing import Any

PATIENTS = "/organization/v1/users/patients"


def made(call: Any, **attributes: Any) -> Any:
    answer = call.http.post(PATIENTS, json=attributes)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_a_patient_is_created_read_changed_and_deleted(call: Any, refused: Any) -> None:
    patient = made(call, _name={"firstName": "Ada"}, heart_rate=72)
    path = f"{PATIENTS}/{patient['_id']}"
    assert patient["heart_rate"] == 72
    assert call.http.get(path).json() == patient
    changed = call.http.patch(path, json={"heart_rate": 80, "_name": None, "_id": "another"}).json()
    assert changed["_id"] == patient["_id"]
    assert changed["heart_rate"] == 80
    assert "_name" not in changed
    assert call.http.get(path).json() == changed
    deleted = call.http.delete(path)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert refused(call.http.get(path), 404, "PATIENT_NOT_FOUND") == {"id": patient["_id"]}
    refused(call.http.patch(path, json={}), 404, "PATIENT_NOT_FOUND")
    refused(call.http.delete(path), 404, "PATIENT_NOT_FOUND")


def test_a_patient_of_a_template_says_so(call: Any) -> None:
    assert call.http.post(f"{PATIENTS}/templates/infant", json={}).json()["_template"] == {"name": "infant"}


def test_patients_are_searched_newest_first(call: Any, refused: Any) -> None:
    first, second = made(call, _email="ada@example.com"), made(call, _email="bob@example.com")
    everybody = call.http.get(PATIENTS).json()
    assert [row["_id"] for row in everybody["data"]] == [second["_id"], first["_id"]]
    assert everybody["metadata"]["page"]["totalResults"] == 2
    wanted = {"filter": {"_email": {"like": "ada"}}}
    assert call.http.get(PATIENTS, params={"searchRequest": json.dumps(wanted)}).json()["data"] == [first]
    refused(call.http.get(PATIENTS, params={"searchRequest": "{"}), 400, "BAD_REQUEST")


def test_whoever_has_a_token_may_use_them_and_nobody_else(call: Any, refused: Any) -> None:
    call.log_in(*call.platform.add_service_user([]))
    made(call)
    del call.http.headers["Authorization"]
    refused(call.http.get(PATIENTS), 401, "TOKEN_NOT_VALID")
    refused(call.http.post(PATIENTS, json={}), 401, "TOKEN_NOT_VALID")


def test_a_body_that_is_no_object_is_refused(call: Any, refused: Any) -> None:
    refused(call.http.post(PATIENTS, json=[1]), 400, "BAD_REQUEST")
    refused(call.http.post(PATIENTS, content=b"{"), 400, "BAD_REQUEST")
    refused(call.http.post(PATIENTS, json={"_email": 5}), 400, "BAD_REQUEST")
