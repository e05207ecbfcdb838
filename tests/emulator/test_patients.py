"""Patients: what can be done with them when nobody intercepts."""

from __future__ import annotations

import json
from typing import Any

PATIENTS = "/organization/v1/users/patients"


def made(inside: Any, **attributes: Any) -> Any:
    answer = inside.http.post(PATIENTS, json=attributes)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_a_patient_is_created_read_changed_and_deleted(inside: Any, refused: Any) -> None:
    patient = made(inside, _name={"firstName": "Ada"}, heart_rate=72)
    path = f"{PATIENTS}/{patient['_id']}"
    assert patient["heart_rate"] == 72
    assert inside.http.get(path).json() == patient
    changed = inside.http.patch(path, json={"heart_rate": 80, "_name": None, "_id": "another"}).json()
    assert changed["_id"] == patient["_id"]
    assert changed["heart_rate"] == 80
    assert "_name" not in changed
    assert inside.http.get(path).json() == changed
    deleted = inside.http.delete(path)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert refused(inside.http.get(path), 404, "PATIENT_NOT_FOUND") == {"id": patient["_id"]}
    refused(inside.http.patch(path, json={}), 404, "PATIENT_NOT_FOUND")
    refused(inside.http.delete(path), 404, "PATIENT_NOT_FOUND")


def test_a_patient_of_a_template_says_so(inside: Any) -> None:
    assert inside.http.post(f"{PATIENTS}/templates/infant", json={}).json()["_template"] == {"name": "infant"}


def test_patients_are_searched_newest_first(inside: Any, refused: Any) -> None:
    first, second = made(inside, _email="ada@example.com"), made(inside, _email="bob@example.com")
    everybody = inside.http.get(PATIENTS).json()
    assert [row["_id"] for row in everybody["data"]] == [second["_id"], first["_id"]]
    assert everybody["metadata"]["page"]["totalResults"] == 2
    wanted = {"filter": {"_email": {"like": "ada"}}}
    assert inside.http.get(PATIENTS, params={"searchRequest": json.dumps(wanted)}).json()["data"] == [first]
    refused(inside.http.get(PATIENTS, params={"searchRequest": "{"}), 400, "BAD_REQUEST")


def test_whoever_has_a_token_may_use_them_and_nobody_else(inside: Any, refused: Any) -> None:
    inside.log_in(*inside.platform.add_service_user([]))
    made(inside)
    del inside.http.headers["Authorization"]
    refused(inside.http.get(PATIENTS), 401, "TOKEN_NOT_VALID")
    refused(inside.http.post(PATIENTS, json={}), 401, "TOKEN_NOT_VALID")


def test_a_body_that_is_no_object_is_refused(inside: Any, refused: Any) -> None:
    refused(inside.http.post(PATIENTS, json=[1]), 400, "BAD_REQUEST")
    refused(inside.http.post(PATIENTS, content=b"{"), 400, "BAD_REQUEST")
    refused(inside.http.post(PATIENTS, json={"_email": 5}), 400, "BAD_REQUEST")
