"""What each documented refusal says: the whole line, as a user reads it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from biot_provider.api.advice import CODES
from biot_provider.api.responses import api_error

from ..uncoded import uncoded

PLUGINS = "/settings/v2/plugins"
SERVICES = "/ums/v2/services"
KEY_LOGIN = "/ums/v2/services/accessToken"
PERSON_LOGIN = "/ums/v2/users/login"
INTERCEPTIONS = "/dispatcher/v1/hooks/interceptions/subscribe"
NOTIFICATIONS = "/dispatcher/v1/hooks/notifications/subscribe"
AGAIN = "run `pulumi up` again; if it stays, give BioT's support the trace id"
REFRESH = "run `pulumi refresh` if it was deleted on purpose"

# path, status, code, details, the details in words, what to do
TABLE: list[tuple[str, int, str, dict[str, Any], str, str]] = [
    (
        *(PLUGINS, 400, "ENVIRONMENT_VARIABLES_CANNOT_START_WITH_RESERVED_PREFIX"),
        {"environmentVariable": "BIOT_URL", "reservedPrefix": "BIOT_"},
        "environment variable BIOT_URL, reserved prefix BIOT_",
        "rename the variable: BIOT_ is the platform's own",
    ),
    (
        *(PLUGINS, 400, "INTERCEPTION_MUST_HAVE_CORRECT_API_ID_NULL_VALUE_FOR_TYPE"),
        {"type": "ADAPT_ENTITY", "correctValue": None, "apiId": "GET/x"},
        "api id GET/x, correct value null, type ADAPT_ENTITY",
        "give api_id for PRE_REQUEST and POST_REQUEST only",
    ),
    (
        *(PLUGINS, 400, "INTERCEPTION_ORDER_CANNOT_BE_RESERVED_ORDER"),
        {"order": 1000, "reservedOrder": 1000},
        "order 1000, reserved order 1000",
        "choose another interception order",
    ),
    (
        *(PLUGINS, 400, "PLUGIN_CODE_IS_NOT_SUPPORTED_FOR_IMAGE_DEPLOYMENT_PACKAGE_TYPE", {}, ""),
        "give code or image_tag, not both",
    ),
    (
        *(PLUGINS, 400, "PLUGIN_VERSION_MUST_BE_LARGER_WHEN_UPDATING_CODE"),
        {"currentVersion": 3, "requestVersion": 2},
        "current version 3, request version 2",
        "leave version out, or raise it",
    ),
    (
        *(PLUGINS, 400, "PLUGIN_VERSION_MUST_NOT_BE_CHANGED_WHEN_NOT_UPDATING_CODE"),
        {"currentVersion": 3, "requestVersion": 4},
        "current version 3, request version 4",
        "leave version out, or take its change back",
    ),
    (
        *(PLUGINS, 400, "PLUGIN_REQUEST_VALIDATION_FAILED", {}, ""),
        "check which arguments go together: code, runtime, handler or image_tag",
    ),
    (
        *(PLUGINS, 401, "TOKEN_NOT_VALID", {}, ""),
        "the platform refuses its own fresh token: check that biot:baseUrl is the right environment",
    ),
    (PLUGINS, 403, "ACCESS_DENIED", {}, "", "give the service user's role the SETTINGS_PLUGIN_* permissions"),
    (
        *(SERVICES, 403, "ACCESS_DENIED", {}, ""),
        "give the service user's role the UMS_SERVICES_* and UMS_USERS_* permissions",
    ),
    (INTERCEPTIONS, 403, "ACCESS_DENIED", {}, "", "give the service user's role the HOOKS_INTERCEPTION_* permissions"),
    (
        *(NOTIFICATIONS, 403, "ACCESS_DENIED", {}, ""),
        "give the service user's role the DISPATCHER_SUBSCRIPTIONS_* permissions",
    ),
    (PLUGINS, 404, "PLUGIN_NOT_FOUND", {"pluginName": "Plugin-a"}, "plugin name Plugin-a", REFRESH),
    (
        *(PLUGINS, 404, "INTERCEPTION_CONFIGURATION_NOT_FOUND"),
        {"value": "POST/x", "fieldName": "apiId"},
        "field name apiId, value POST/x",
        "check api_id and entity_type_name of the interceptions",
    ),
    (
        PLUGINS,
        404,
        "PLUGIN_IMAGE_TAG_NOT_FOUND",
        {},
        "",
        "run `pulumi up --refresh`, which pushes a PluginImage again, or correct image_tag",
    ),
    (
        *(PLUGINS, 409, "PLUGIN_EXISTS_BY_NAME", {"pluginName": "Plugin-a"}, "plugin name Plugin-a"),
        "choose another name, or set adopt=True to take the existing plugin over",
    ),
    (
        *(PLUGINS, 500, "AWS_EXCEPTION", {"className": "ThrottlingException"}, "class name ThrottlingException"),
        "the platform's AWS call failed: run `pulumi up` again; if it stays, check runtime and limits",
    ),
    (
        *(PLUGINS, 500, "PLUGIN_ROLLBACK_FAILED", {"apiName": "updatePlugin"}, "api name updatePlugin"),
        "look at the plugin in the BioT Console, then run `pulumi up` again",
    ),
    (PLUGINS, 500, "INTERNAL_SERVER_ERROR", {}, "", AGAIN),
    (PLUGINS, 504, "GATEWAY_TIMEOUT", {}, "", "run `pulumi up` again: it finds out what happened and continues"),
    (
        *(PERSON_LOGIN, 401, "USER_LOCKED", {}, ""),
        "the user is locked: unlock it in the BioT Console, or use a service user",
    ),
    (
        *(PERSON_LOGIN, 401, "USER_LOCKED_WITH_TIME", {"timeLeftInMinutes": 7}, "time left in minutes 7"),
        "wait until the lock ends, or use a service user",
    ),
    (
        *(PERSON_LOGIN, 403, "LOGIN_FAILED", {}, ""),
        "check biot:username and biot:password of this stack; where it has changed since the last `pulumi up`, refresh"
        " and destroy with --run-program",
    ),
    (PERSON_LOGIN, 403, "REFRESH_TOKEN_NOT_VALID", {}, "", "run it again: it logs in anew"),
    (
        *(KEY_LOGIN, 403, "LOGIN_FAILED", {}, ""),
        "check biot:serviceId and biot:serviceSecretKey of this stack; if they are right, the key has expired:"
        " make a new one; where it has changed since the last `pulumi up`, refresh and destroy with --run-program",
    ),
    (
        *(KEY_LOGIN, 401, "SERVICE_LOCKED", {}, ""),
        "the service user is locked: unlock it in the BioT Console or use another one",
    ),
    (
        *(SERVICES, 400, "SERVICE_TYPE_NOT_ALLOWED"),
        {"attributeName": "type", "value": "INTERNAL_SERVICE"},
        "attribute name type, value INTERNAL_SERVICE",
        "choose another type, or ask with an identity that may use this one",
    ),
    (
        *(SERVICES, 400, "MISSING_PARAMETERS", {"parameters": ["roleId", "type"]}, "parameters roleId, type"),
        "give the arguments it names",
    ),
    (SERVICES, 404, "OWNER_ORGANIZATION_NOT_FOUND", {"id": "o-1"}, "id o-1", "check owner_organization_id"),
    (
        *(SERVICES, 404, "PERMISSIONS_NOT_FOUND", {"ids": ["p-1", "p-2"]}, "ids p-1, p-2"),
        "check role_id, and the permissions of that role in the BioT Console",
    ),
    (
        *(SERVICES, 404, "ROLE_NOT_FOUND_IN_SUPPORTED_TYPES", {"id": "r-1", "types": ["INTERNAL_SERVICE"]}),
        "id r-1, types INTERNAL_SERVICE",
        "check role_id: a role of this platform, for this type of service user",
    ),
    (
        *(SERVICES, 409, "ROLE_ALREADY_EXISTS", {"name": "ops"}, "name ops"),
        "choose another name: the platform names a role after the service user",
    ),
    (
        *(SERVICES, 409, "SERVICE_NAME_ALREADY_EXISTS", {"name": "ops"}, "name ops"),
        "choose another name, or delete the existing service user in the BioT Console",
    ),
    (SERVICES, 404, "SERVICE_USER_NOT_FOUND", {"id": "s-1"}, "id s-1", REFRESH),
    (
        *(SERVICES, 409, "MAX_SECRET_KEYS", {"serviceId": "s-1", "maxSecretKeys": 2}),
        "max secret keys 2, service id s-1",
        "delete a key of this service user that is no longer used, then run `pulumi up` again",
    ),
    (
        *(SERVICES, 404, "SECRET_KEY_ID_NOT_FOUND", {"secretKeyId": "k-1", "serviceUserId": "s-1"}),
        "secret key id k-1, service user id s-1",
        REFRESH,
    ),
    (
        *(INTERCEPTIONS, 400, "INVALID_API_ID"),
        {
            "invalidApiId": "GET/device/v2/device",
            "validApiIds": [f"POST/other/v1/{n}" for n in range(90)] + [f"GET/device/v{n}/devices" for n in range(5)],
        },
        "invalid api id GET/device/v2/device, valid api ids GET/device/v2/devices, GET/device/v0/devices,"
        " GET/device/v1/devices, GET/device/v3/devices, GET/device/v4/devices and 90 more",
        "check api_id",
    ),
    (
        *(INTERCEPTIONS, 400, "INVALID_ENTITY_TYPE_NAME"),
        {"invalidEntityType": "pacient", "validEntityTypes": ["device", "patient"]},
        "invalid entity type pacient, valid entity types device, patient",
        "check the name of the entity",
    ),
    (
        *(NOTIFICATIONS, 400, "INVALID_ACTION_NAME"),
        {"invalidActionName": "_make", "validActionNames": ["_create"]},
        "invalid action name _make, valid action names _create",
        "check action_name",
    ),
    (
        *(NOTIFICATIONS, 404, "SUBSCRIBER_NOT_FOUND"),
        {"entityTypeName": "patient", "actionName": "_create", "endpoint": "https://x.example", "templateName": None},
        "action name _create, endpoint https://x.example, entity type name patient, template name null",
        REFRESH,
    ),
]


def error_text(status: int, path: str = PLUGINS, *, secrets: list[str] | None = None, **answer: Any) -> str:
    """The text of the error of this answer to a request to this path."""
    request = httpx.Request("POST", f"https://api.example{path}")
    return uncoded(str(api_error(httpx.Response(status, request=request, **answer), "do it", secrets or [])))


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row[2]} {row[0]}")
def test_the_error_of_a_documented_refusal_has_action_response_and_advice(row: Any) -> None:
    path, status, code, details, words, todo = row
    body = {"code": code, "message": "No.", "details": details, "traceId": "t-1"}
    shown = f" ({words})" if words else ""
    line = f"do it: the platform answered {status} {code}: No.{shown} (trace id t-1). What to do: {todo}"
    assert error_text(status, path, json=body) == line


def test_the_table_has_every_code() -> None:
    assert {row[2] for row in TABLE} == {*CODES, "ACCESS_DENIED", "LOGIN_FAILED"}


@pytest.mark.parametrize(
    ("status", "answer", "message"),
    [
        (418, {"json": {"code": "NEW", "message": "tea\nonly"}}, "418 NEW: tea only"),
        (400, {"json": {"message": "bad"}}, "400: bad"),
        (400, {"content": b""}, "400 with no error body of BioT's: an empty body"),
        (400, {"content": b'{"code": "HALF'}, """400 with no error body of BioT's: {"code": "HALF"""),
        (
            502,
            {"html": "<h1>Bad</h1>\n<p>x"},
            f"502 with no error body of BioT's: <h1>Bad</h1> <p>x. What to do: {AGAIN}",
        ),
        (400, {"text": "x" * 1000}, f"400 with no error body of BioT's: {'x' * 300}"),
        (
            *(307, {"content": b"", "headers": {"Location": "https://elsewhere.example/"}}),
            "307 with no error body of BioT's: an empty body."
            " What to do: check biot:baseUrl: that address leads elsewhere",
        ),
        (
            *(429, {"json": {"code": "TOO_MANY_REQUESTS"}}),
            "429 TOO_MANY_REQUESTS. What to do: run `pulumi up --parallel 1` in a minute",
        ),
        (
            413,
            {"content": b""},
            "413 with no error body of BioT's: an empty body. What to do: make the package smaller",
        ),
    ],
)
def test_what_is_not_documented_is_quoted_on_one_line(status: int, answer: Any, message: str) -> None:
    assert error_text(status, **answer) == f"do it: the platform answered {message}"


def test_details_keep_no_secret_whatever_their_shape() -> None:
    details = {"echo": ["canary-one"], "deep": {"of": 'canary-"two"'}, "list": [f"canary-one {n}" for n in range(9)]}
    text = error_text(400, json={"code": "BAD", "details": details}, secrets=["canary-one", 'canary-"two"'])
    assert "canary" not in text
    assert "and 4 more" in text


@pytest.mark.parametrize(
    ("header", "todo"),
    [
        ("3600", "wait 60 min, as the platform asks, then run it again"),
        ("90", "wait 90 s, as the platform asks, then run it again"),
        ("9" * 400, "wait more than a day, as the platform asks, then run it again"),
        ("²", AGAIN),
        ("10", AGAIN),
    ],
)
def test_a_longer_wait_than_ours_that_the_platform_asks_for_is_named(header: str, todo: str) -> None:
    headers = httpx.Headers({"Retry-After": header}, encoding="utf-8")
    response = httpx.Response(503, headers=headers, request=httpx.Request("POST", f"https://x{PLUGINS}"))
    assert uncoded(str(api_error(response, "create plugin 'guard'", []))).endswith(f"What to do: {todo}")
