"""The platform's error responses: one exception, and the error body it becomes (BioT API 2.4.2, plugins).

Codes and the names of details are the API's; the texts are the emulator's own, and never quote the value of an
environment variable.
"""

from __future__ import annotations

from typing import Any

ENVIRONMENT = "embedded"


class ApiError(Exception):
    """An error response of the platform."""

    def __init__(self, status: int, code: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.details = details or {}


def envelope(error: ApiError, *, service: str, trace_id: str) -> dict[str, Any]:
    """Return the error body of BioT: six members, `details` an object."""
    return {
        "code": error.code,
        "message": error.message,
        "serviceName": service,
        "traceId": trace_id,
        "environment": ENVIRONMENT,
        "details": error.details,
    }


def invalid(field: str, problem: str) -> ApiError:
    """Return a validation error. The API does not document its code, so clients must not rely on it."""
    return ApiError(400, "BAD_REQUEST", f"{field}: {problem}", {"fieldName": field})


def aws(class_name: str, message: str) -> ApiError:
    """Return an error of AWS that the platform passes on: a 500 with the class of the exception."""
    return ApiError(500, "AWS_EXCEPTION", message, {"className": class_name})


def not_found(name: str) -> ApiError:
    """Return the error for a plugin that does not exist: the only 404 that means "gone"."""
    return ApiError(404, "PLUGIN_NOT_FOUND", f"Plugin [{name}] not found", {"pluginName": name})


def method_not_allowed(method: str) -> ApiError:
    """Return the error for a path that exists but not with this method."""
    return ApiError(405, "METHOD_NOT_ALLOWED", f"Request method '{method}' is not supported")
