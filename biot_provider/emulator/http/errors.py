"""How the platform says no: one exception, and the error body it becomes (BioT API 2.4.2, plugins).

Codes and the names of details are the API's; the texts are the emulator's own, and never quote the value of an
environment variable.
"""

from __future__ import annotations

from typing import Any

ENVIRONMENT = "embedded"


class ApiError(Exception):
    """A request the platform answers with an error envelope."""

    def __init__(self, status: int, code: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.details = details or {}


def envelope(refusal: ApiError, *, service: str, trace_id: str) -> dict[str, Any]:
    """The error body of BioT: six members, `details` an object."""
    return {
        "code": refusal.code,
        "message": refusal.message,
        "serviceName": service,
        "traceId": trace_id,
        "environment": ENVIRONMENT,
        "details": refusal.details,
    }


def invalid(field: str, problem: str) -> ApiError:
    """A plain validation failure. The API does not document its code, so a client must not lean on this one."""
    return ApiError(400, "BAD_REQUEST", f"{field}: {problem}", {"fieldName": field})


def aws(class_name: str, message: str) -> ApiError:
    """A refusal of AWS behind the platform: it comes back as a 500 that names the class of the exception."""
    return ApiError(500, "AWS_EXCEPTION", message, {"className": class_name})


def not_found(name: str) -> ApiError:
    """No plugin of that name: the only 404 that means "gone"."""
    return ApiError(404, "PLUGIN_NOT_FOUND", f"Plugin [{name}] not found", {"pluginName": name})


def method_not_allowed(method: str) -> ApiError:
    """A path that is there, asked in a way it does not take."""
    return ApiError(405, "METHOD_NOT_ALLOWED", f"Request method '{method}' is not supported")
