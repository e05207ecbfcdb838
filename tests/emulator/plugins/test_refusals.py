"""Raw requests and what the platform answers: every rule, on both of its sides."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from biot_provider.emulator.plugins import aws

BAD = (400, "BAD_REQUEST")
AWS = (500, "AWS_EXCEPTION")
CREATED = (201, None)
API_ID = (400, "INTERCEPTION_MUST_HAVE_CORRECT_API_ID_NULL_VALUE_FOR_TYPE")
ORDER = (400, "INTERCEPTION_ORDER_CANNOT_BE_RESERVED_ORDER")
PREFIX = (400, "ENVIRONMENT_VARIABLES_CANNOT_START_WITH_RESERVED_PREFIX")

PRE = {"type": "PRE_REQUEST", "apiId": "POST/device/v2/devices"}
ADAPT = {"type": "ADAPT_ENTITY", "entityTypeName": "device"}
CRON = json.loads((Path(__file__).parents[2] / "vectors" / "cron.json").read_text())


def intercepting(**interception: Any) -> dict[str, Any]:
    return {"subscriptions": {"interceptions": [interception]}}


def notified(**notification: Any) -> dict[str, Any]:
    return {"subscriptions": {"notifications": [notification]}}


FIELDS: list[tuple[dict[str, Any], tuple[int, str | None]]] = [
    ({"name": "a"}, CREATED),
    ({"name": "a" * 57}, CREATED),
    ({"name": "a" * 58}, BAD),
    ({"name": ""}, BAD),
    ({"name": None}, BAD),
    ({"name": "A-b_9"}, CREATED),
    ({"name": "a b"}, BAD),
    ({"name": "a!"}, BAD),
    ({"name": "é"}, BAD),
    ({"name": "a\n"}, BAD),
    ({"name": 7}, BAD),
    ({"displayName": ""}, CREATED),
    ({"displayName": "é" * 255}, CREATED),
    ({"displayName": "é" * 256}, BAD),
    ({"displayName": None}, BAD),
    ({"displayName": ["a"]}, BAD),
    ({"version": 32767}, CREATED),
    ({"version": 32768}, BAD),
    ({"version": 0}, BAD),
    ({"version": -1}, BAD),
    ({"version": "2"}, CREATED),
    ({"version": "2.5"}, BAD),
    ({"version": ""}, BAD),
    ({"version": 2.0}, CREATED),
    ({"version": 2.5}, BAD),
    ({"version": True}, BAD),
    ({"version": None}, BAD),
    ({"runtime": "r" * 50}, CREATED),
    ({"runtime": "r" * 51}, BAD),
    ({"runtime": ""}, AWS),
    ({"handler": "h" * 1024}, CREATED),
    ({"handler": "h" * 1025}, BAD),
    ({"handler": "index handler"}, AWS),
    ({"handler": ""}, AWS),
    ({"timeout": 1}, CREATED),
    ({"timeout": 0}, BAD),
    ({"timeout": 900}, CREATED),
    ({"timeout": 901}, BAD),
    ({"timeout": "ten"}, BAD),
    ({"memorySize": 128}, CREATED),
    ({"memorySize": 127}, BAD),
    ({"memorySize": 10240}, CREATED),
    ({"memorySize": 10241}, BAD),
    ({"ephemeralStorage": 512}, CREATED),
    ({"ephemeralStorage": 511}, BAD),
    ({"ephemeralStorage": 10240}, CREATED),
    ({"ephemeralStorage": 10241}, BAD),
    ({"enabledState": "DISABLED"}, CREATED),
    ({"enabledState": "disabled"}, BAD),
    ({"enabledState": {}}, BAD),
    ({"analyticsDbAccess": True}, CREATED),
    ({"analyticsDbAccess": "true"}, CREATED),
    ({"analyticsDbAccess": "yes"}, BAD),
    ({"analyticsDbAccess": 1}, BAD),
    ({"deploymentPackageType": "IMAGE"}, CREATED),
    ({"deploymentPackageType": "IMAGE", "imageTag": "t" * 128}, CREATED),
    ({"deploymentPackageType": "IMAGE", "imageTag": "t" * 129}, BAD),
    ({"deploymentPackageType": "TAR"}, BAD),
    ({"imageTag": "t"}, BAD),
    ({"cronSchedule": None}, CREATED),
    ({"cronSchedule": "0 8" + " " * 239 + "? * 2 *"}, CREATED),
    ({"cronSchedule": "0 8" + " " * 242 + "? * 2 *"}, BAD),
    *(({"cronSchedule": expression}, CREATED) for expression in CRON["accepted"]),
    *(({"cronSchedule": expression}, BAD) for expression in CRON["refused by the platform"]),
    *(({"cronSchedule": expression}, AWS) for expression in CRON["refused by AWS"]),
    ({"cronSchedule": "0 8 ? * MON-SAT 2199"}, CREATED),
    ({"cronSchedule": "0 8 ? * MON-SAT 2200"}, AWS),
    ({"cronSchedule": "0 8 ? * 6L *"}, CREATED),
    ({"cronSchedule": "0/0 8 ? * 6L *"}, AWS),
    ({"cronSchedule": "0 23 ? JUL *  *"}, CREATED),
    ({"cronSchedule": "0 24 ? JUL *  *"}, AWS),
    ({"cors": {}}, CREATED),
    ({"cors": {"allowMethods": ["GET", "PUT", "POST", "DELETE", "HEAD", "PATCH"]}}, CREATED),
    ({"cors": {"allowMethods": ["OPTIONS"]}}, BAD),
    ({"cors": {"allowOrigins": "*"}}, BAD),
    ({"cors": {"allowHeaders": [1]}}, BAD),
    ({"cors": []}, BAD),
    ({"environmentVariables": {"AB": "c"}}, CREATED),
    ({"environmentVariables": {"AB": ""}}, BAD),
    ({"environmentVariables": {"AB": None}}, BAD),
    ({"environmentVariables": {"AB": 1}}, BAD),
    ({"environmentVariables": {"": "c"}}, BAD),
    ({"environmentVariables": []}, BAD),
    ({"environmentVariables": {"BIOT_": "c"}}, PREFIX),
    ({"environmentVariables": {"BIOT_MODE": "c"}}, PREFIX),
    ({"environmentVariables": {"BIOTMODE": "c", "biot_mode": "c", "MY_BIOT_MODE": "c"}}, CREATED),
    ({"environmentVariables": {"A": "c"}}, AWS),
    ({"environmentVariables": {"1A": "c"}}, AWS),
    ({"environmentVariables": {"A-B": "c"}}, AWS),
    ({"environmentVariables": {"AB-C": "c"}}, AWS),
    ({"environmentVariables": {"AWS_REGION": "c"}}, AWS),
    ({"environmentVariables": {"AWS_EXECUTION_ENV": "c"}}, AWS),
    ({"environmentVariables": {"AWSREGION": "c", "AWS_LAMBDA_EXEC_WRAPPER": "c", "AWS_PROFILE": "c"}}, CREATED),
    ({"environmentVariables": {"_HANDLER": "c"}}, AWS),
    ({"environmentVariables": {"LAMBDA_RUNTIME_DIR": "c"}}, AWS),
    ({"environmentVariables": {"LAMBDA_TASK_ROOT": "c"}}, AWS),
    ({"subscriptions": {}}, CREATED),
    ({"subscriptions": []}, BAD),
    ({"subscriptions": {"interceptionOrder": 1}}, CREATED),
    ({"subscriptions": {"interceptionOrder": "5"}}, CREATED),
    ({"subscriptions": {"interceptionOrder": 0}}, ORDER),
    ({"subscriptions": {"interceptionOrder": -1}}, BAD),
    ({"subscriptions": {"interceptionOrder": "first"}}, BAD),
    ({"subscriptions": {"interceptions": {}}}, BAD),
    ({"subscriptions": {"interceptions": [7]}}, BAD),
    (intercepting(**PRE), CREATED),
    (intercepting(**PRE, entityTypeName="device", order=9), CREATED),
    (intercepting(**PRE, order=0), ORDER),
    (intercepting(**PRE, order=-1), BAD),
    (intercepting(**PRE | {"type": "POST_REQUEST"}), CREATED),
    (intercepting(**PRE | {"type": "PRE"}), BAD),
    (intercepting(apiId="POST/device/v2/devices"), BAD),
    (intercepting(type="PRE_REQUEST"), API_ID),
    (intercepting(type="POST_REQUEST", apiId=None, entityTypeName="device"), API_ID),
    (intercepting(**ADAPT), CREATED),
    (intercepting(**ADAPT, apiId=None), CREATED),
    (intercepting(**ADAPT, apiId="POST/device/v2/devices"), API_ID),
    (intercepting(type="ADAPT_ENTITY"), BAD),
    (intercepting(**PRE, servicePrefix="/device"), CREATED),
    (notified(entityTypeName="patient", actionName="_create"), CREATED),
    (notified(entityTypeName="patient", actionName="_create", templateName="adult"), CREATED),
    (notified(entityTypeName="patient", actionName="_create", templateName=None), CREATED),
    (notified(entityTypeName="patient"), BAD),
    (notified(actionName="_create"), BAD),
    ({"unknown": 1}, CREATED),
]


@pytest.mark.parametrize(("changes", "expected"), FIELDS, ids=lambda value: json.dumps(value)[:60])
def test_a_creation_is_answered(emptied: Any, changes: dict[str, Any], expected: tuple[int, str | None]) -> None:
    emptied.platform.images.add("t" * 128)
    answer = emptied.create(**changes)
    assert (answer.status_code, answer.json().get("code")) == expected, answer.text


ONLY_AT_CREATION = ("name", "deploymentPackageType", "imageTag")
CHANGES = [
    (changes, (200, None) if expected == CREATED else expected)
    for changes, expected in FIELDS
    if not any(name in changes for name in (*ONLY_AT_CREATION, "version")) and None not in changes.values()
]


@pytest.mark.parametrize(("changes", "expected"), CHANGES, ids=lambda value: json.dumps(value)[:60])
def test_an_update_is_answered_by_the_same_rules(
    emptied: Any, changes: dict[str, Any], expected: tuple[int, str | None]
) -> None:
    emptied.created()
    answer = emptied.patch("guard", changes)
    assert (answer.status_code, answer.json().get("code")) == expected, answer.text


@pytest.mark.parametrize("missing", ["name", "displayName", "version"])
def test_a_creation_needs_three_fields(inside: Any, refused: Any, missing: str) -> None:
    config = {"name": "guard", "displayName": "Guard", "version": 1}
    del config[missing]
    assert refused(inside.create(config), *BAD) == {"fieldName": missing}


@pytest.mark.parametrize("config", [[], "text", 7, None])
def test_a_config_is_an_object(inside: Any, refused: Any, config: Any) -> None:
    refused(inside.send("POST", "", config), *BAD)


def test_details_say_what_was_wrong(inside: Any, refused: Any) -> None:
    answer = inside.create(environmentVariables={"BIOT_MODE": "x"})
    assert refused(answer, *PREFIX) == {"environmentVariable": "BIOT_MODE", "reservedPrefix": "BIOT_"}
    answer = inside.create(**intercepting(**ADAPT, apiId="POST/a"))
    assert refused(answer, *API_ID) == {"type": "ADAPT_ENTITY", "correctValue": "null", "apiId": "POST/a"}
    answer = inside.create(**intercepting(type="PRE_REQUEST"))
    assert refused(answer, *API_ID) == {"type": "PRE_REQUEST", "correctValue": "not null", "apiId": None}
    answer = inside.create(subscriptions={"interceptionOrder": 0})
    assert refused(answer, *ORDER) == {"order": 0, "reservedOrder": 0}
    answer = inside.create(environmentVariables={"A": "x"})
    assert refused(answer, *AWS) == {"className": "InvalidParameterValueException"}
    answer = inside.create(cronSchedule="0 29 1 * ? *")
    assert refused(answer, *AWS) == {"className": "ValidationException"}


def test_no_error_quotes_the_value_of_a_variable(inside: Any) -> None:
    for variables in (
        {"A": "tell-nobody"},
        {"BIOT_X": "tell-nobody"},
        {"AB": ["tell-nobody"]},
        {"AB": "tell-nobody" * 999},
    ):
        answer = inside.create(environmentVariables=variables)
        assert answer.status_code >= 400
        assert "tell-nobody" not in answer.text


def test_variables_may_take_four_kilobytes_together_with_those_of_the_platform(inside: Any, refused: Any) -> None:
    system = inside.created()["environmentVariables"]
    taken = len(json.dumps({**system, "KEY": ""}, separators=(",", ":")).encode())
    room = 4096 - taken
    assert inside.patch("guard", {"environmentVariables": {"KEY": "v" * room}}).status_code == 200
    refused(inside.patch("guard", {"environmentVariables": {"KEY": "v" * (room + 1)}}), *AWS)
    refused(inside.patch("guard", {"displayName": "Guard longer"}), *AWS)
    refused(inside.create(name="other", environmentVariables={"KEY": "v" * (room + 1)}), *AWS)
    assert inside.create(name="other", environmentVariables={"KEY": "v" * room}).status_code == 201


def test_code_must_be_a_zip_with_a_file_in_it(inside: Any, refused: Any) -> None:
    for content in (b"", b"PK", b"no zip at all", b"PK\x03\x04" + b"\0" * 40):
        assert refused(inside.create(code=content), *BAD) == {"fieldName": "code"}
    empty = io.BytesIO()
    with zipfile.ZipFile(empty, "w") as archive:
        archive.mkdir("src")
    refused(inside.create(code=empty.getvalue()), *AWS)


def test_the_size_of_code_is_limited_packed_and_unpacked(
    inside: Any, refused: Any, zipped: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (aws.MAX_ZIP, aws.MAX_UNZIPPED) == (50 * 2**20, 250 * 2**20)
    code = zipped("x" * 5000)
    monkeypatch.setattr(aws, "MAX_ZIP", len(code))
    monkeypatch.setattr(aws, "MAX_UNZIPPED", 5000)
    inside.created(code=code)
    monkeypatch.setattr(aws, "MAX_UNZIPPED", 4999)
    answer = inside.create(code=code, name="b")
    assert refused(answer, *AWS) == {"className": "InvalidParameterValueException"}
    monkeypatch.setattr(aws, "MAX_ZIP", len(code) - 1)
    answer = inside.create(code=code, name="b")
    assert refused(answer, *AWS) == {"className": "RequestEntityTooLargeException"}


def test_an_image_takes_no_code_and_a_zip_no_tag(inside: Any, refused: Any, zipped: Any) -> None:
    code = "PLUGIN_CODE_IS_NOT_SUPPORTED_FOR_IMAGE_DEPLOYMENT_PACKAGE_TYPE"
    refused(inside.create(code=zipped(), deploymentPackageType="IMAGE", imageTag="t"), 400, code)
    inside.platform.images.add("t")
    inside.created(name="image", deploymentPackageType="IMAGE", imageTag="t")
    refused(inside.patch("image", {"version": 2}, zipped()), 400, code)
    inside.created()
    refused(inside.patch("guard", {"imageTag": "t", "version": 2}), 400, "PLUGIN_REQUEST_VALIDATION_FAILED")


def test_what_is_wrong_with_a_config_comes_before_what_exists(inside: Any, refused: Any) -> None:
    refused(inside.patch("nobody", {"timeout": 0}), *BAD)
    refused(inside.patch("nobody", {"timeout": 1}), 404, "PLUGIN_NOT_FOUND")
    inside.created()
    refused(inside.create(timeout=0), *BAD)
    refused(inside.create(environmentVariables={"A": "x"}), 409, "PLUGIN_EXISTS_BY_NAME")


@pytest.mark.parametrize(
    "path", ["/nothing", "/settings", "/settings/v1/plugins", "/settings/v2/plugins/", "/settings/v2/plugins/a/b"]
)
def test_an_unknown_path_is_a_404_that_does_not_mean_gone(inside: Any, refused: Any, path: str) -> None:
    refused(inside.http.get(path), 404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", "/Plugin-a"), ("POST", "/Plugin-a"), ("PUT", ""), ("DELETE", ""), ("PATCH", "")],
)
def test_a_known_path_with_another_method_is_a_405(inside: Any, refused: Any, method: str, path: str) -> None:
    refused(inside.http.request(method, f"/settings/v2/plugins{path}"), 405, "METHOD_NOT_ALLOWED")


def test_an_error_carries_the_trace_id_of_its_caller(inside: Any) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    headers = {"traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    assert inside.http.get("/settings/v2/plugins/x", headers=headers).json()["traceId"] == trace
    fresh = {inside.http.get("/settings/v2/plugins/x").json()["traceId"] for _ in range(3)}
    assert len(fresh) == 3


def test_an_error_names_its_service(inside: Any) -> None:
    assert inside.get("nobody").json()["serviceName"] == "Settings Service"
    assert inside.http.post("/ums/v2/services/accessToken", json={}).json()["serviceName"] == "User Management Service"
