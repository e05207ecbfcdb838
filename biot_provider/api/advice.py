"""What a user can do about an error response: one short sentence for each documented code (BioT API 2.4.2).

The codes are those of the settings, ums and dispatcher services. A response without a known code gets the advice for
its status.
"""

from __future__ import annotations

from collections.abc import Mapping

from biot_provider.api.models.logins import PERSON_LOGIN, SERVICE_LOGIN

_AGAIN = "run `pulumi up` again; if it stays, give BioT's support the trace id"
_REFRESH = "run `pulumi refresh` if it was deleted on purpose"

_SETTINGS: Mapping[str, tuple[str, str]] = {
    "PLUGIN_EXISTS_BY_NAME": ("BIOT-6001", "choose another name, or set adopt=True to take the existing plugin over"),
    "PLUGIN_NOT_FOUND": ("BIOT-6002", _REFRESH),
    "INTERCEPTION_CONFIGURATION_NOT_FOUND": ("BIOT-6003", "check api_id and entity_type_name of the interceptions"),
    "INTERCEPTION_ORDER_CANNOT_BE_RESERVED_ORDER": ("BIOT-6004", "choose another interception order"),
    "INTERCEPTION_MUST_HAVE_CORRECT_API_ID_NULL_VALUE_FOR_TYPE": (
        "BIOT-6005",
        "give api_id for PRE_REQUEST and POST_REQUEST only",
    ),
    "PLUGIN_IMAGE_TAG_NOT_FOUND": (
        "BIOT-6006",
        "run `pulumi up --refresh`, which pushes a PluginImage again, or correct image_tag",
    ),
    "ENVIRONMENT_VARIABLES_CANNOT_START_WITH_RESERVED_PREFIX": (
        "BIOT-6007",
        "rename the variable: BIOT_ is the platform's own",
    ),
    "PLUGIN_VERSION_MUST_BE_LARGER_WHEN_UPDATING_CODE": ("BIOT-6008", "leave version out, or raise it"),
    "PLUGIN_VERSION_MUST_NOT_BE_CHANGED_WHEN_NOT_UPDATING_CODE": (
        "BIOT-6009",
        "leave version out, or take its change back",
    ),
    "PLUGIN_ROLLBACK_FAILED": ("BIOT-6010", "look at the plugin in the BioT Console, then run `pulumi up` again"),
    "PLUGIN_CODE_IS_NOT_SUPPORTED_FOR_IMAGE_DEPLOYMENT_PACKAGE_TYPE": ("BIOT-6011", "give code or image_tag, not both"),
    "PLUGIN_REQUEST_VALIDATION_FAILED": (
        "BIOT-6012",
        "check which arguments go together: code, runtime, handler or image_tag",
    ),
    "AWS_EXCEPTION": (
        "BIOT-6013",
        "the platform's AWS call failed: run `pulumi up` again; if it stays, check runtime and limits",
    ),
    "INTERNAL_SERVER_ERROR": ("BIOT-6500", _AGAIN),
    "GATEWAY_TIMEOUT": ("BIOT-6014", "run `pulumi up` again: it finds out what happened and continues"),
    "TOKEN_NOT_VALID": (
        "BIOT-6015",
        "the platform refuses its own fresh token: check that biot:baseUrl is the right environment",
    ),
}

_LOGINS: Mapping[str, tuple[str, str]] = {
    "USER_LOCKED": ("BIOT-6101", "the user is locked: unlock it in the BioT Console, or use a service user"),
    "USER_LOCKED_WITH_TIME": ("BIOT-6102", "wait until the lock ends, or use a service user"),
    "SERVICE_LOCKED": ("BIOT-6103", "the service user is locked: unlock it in the BioT Console or use another one"),
    "REFRESH_TOKEN_NOT_VALID": ("BIOT-6104", "run it again: it logs in anew"),
}

_SERVICE_USERS: Mapping[str, tuple[str, str]] = {
    "SERVICE_TYPE_NOT_ALLOWED": ("BIOT-6201", "choose another type, or ask with an identity that may use this one"),
    "MISSING_PARAMETERS": ("BIOT-6202", "give the arguments it names"),
    "OWNER_ORGANIZATION_NOT_FOUND": ("BIOT-6203", "check owner_organization_id"),
    "PERMISSIONS_NOT_FOUND": ("BIOT-6204", "check role_id, and the permissions of that role in the BioT Console"),
    "ROLE_NOT_FOUND_IN_SUPPORTED_TYPES": (
        "BIOT-6205",
        "check role_id: a role of this platform, for this type of service user",
    ),
    "ROLE_ALREADY_EXISTS": ("BIOT-6206", "choose another name: the platform names a role after the service user"),
    "SERVICE_NAME_ALREADY_EXISTS": (
        "BIOT-6207",
        "choose another name, or delete the existing service user in the BioT Console",
    ),
    "SERVICE_USER_NOT_FOUND": ("BIOT-6208", _REFRESH),
    "MAX_SECRET_KEYS": (
        "BIOT-6209",
        "delete a key of this service user that is no longer used, then run `pulumi up` again",
    ),
    "SECRET_KEY_ID_NOT_FOUND": ("BIOT-6210", _REFRESH),
}

_SUBSCRIPTIONS: Mapping[str, tuple[str, str]] = {
    "INVALID_API_ID": ("BIOT-6301", "check api_id"),
    "INVALID_ENTITY_TYPE_NAME": ("BIOT-6302", "check the name of the entity"),
    "INVALID_ACTION_NAME": ("BIOT-6303", "check action_name"),
    "SUBSCRIBER_NOT_FOUND": ("BIOT-6304", _REFRESH),
}

CODES: Mapping[str, tuple[str, str]] = {**_SETTINGS, **_LOGINS, **_SERVICE_USERS, **_SUBSCRIPTIONS}
"""Our message code and the advice for each documented code, except for two that depend on the request."""

_RECORDED = "; where it has changed since the last `pulumi up`, refresh and destroy with --run-program"
"""The engine gives the configuration of the last `up` to whatever does not run the program."""

_BAD_LOGIN: Mapping[str, str] = {
    SERVICE_LOGIN: (
        "check biot:serviceId and biot:serviceSecretKey of this stack; if they are right, the key has expired:"
        f" make a new one{_RECORDED}"
    ),
    PERSON_LOGIN: f"check biot:username and biot:password of this stack{_RECORDED}",
}

_PERMISSIONS: Mapping[str, str] = {
    "/settings/": "SETTINGS_PLUGIN_*",
    "/ums/": "UMS_SERVICES_* and UMS_USERS_*",
    "/dispatcher/v1/hooks/interceptions": "HOOKS_INTERCEPTION_*",
    "/dispatcher/v1/hooks/notifications": "DISPATCHER_SUBSCRIPTIONS_*",
}
"""The permissions that a request needs, by the beginning of its path."""

_STATUSES: Mapping[int, tuple[str, str]] = {
    **dict.fromkeys((301, 302, 303, 307, 308), ("BIOT-6390", "check biot:baseUrl: that address leads elsewhere")),
    413: ("BIOT-6413", "make the package smaller"),
    429: ("BIOT-6429", "run `pulumi up --parallel 1` in a minute"),
    **dict.fromkeys((500, 502, 503, 504), ("BIOT-6500", _AGAIN)),
}

_WITHOUT_ADVICE: Mapping[int, str] = {
    401: "BIOT-6401",
    403: "BIOT-6403",
    404: "BIOT-6404",
    409: "BIOT-6409",
    422: "BIOT-6422",
}
_REFUSED, _FAILED = "BIOT-6400", "BIOT-6500"
"""The message codes for all other statuses: below 500, and from 500 on."""


def advice(code: str | None, status: int, path: str) -> tuple[str, str | None]:
    """Return the message code and the advice for a refused request to this path; the advice may be None."""
    if code == "ACCESS_DENIED":
        needed = next((names for start, names in _PERMISSIONS.items() if path.startswith(start)), "needed")
        return "BIOT-6403", f"give the service user's role the {needed} permissions"
    if code == "LOGIN_FAILED":
        return "BIOT-6100", _BAD_LOGIN.get(path, "log in anew")
    known = CODES.get(code or "") or _STATUSES.get(status)
    return known or (_WITHOUT_ADVICE.get(status, _REFUSED if status < 500 else _FAILED), None)
