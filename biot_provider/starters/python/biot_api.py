"""Calls to BioT as this plugin's own service user; BioT gives its id and key to each plugin that it deploys.

from biot_api import call
patient = call("GET", f"/organization/v1/users/patients/{patient_id}")
"""

import json
import os
import time
import urllib.error
from datetime import datetime
from typing import Any

import biot

# Seconds before a token's end at which it is no longer used, and the life of one without a readable end.
MARGIN = 60
UNKNOWN_LIFE = 300


class ApiError(Exception):
    """An error response of BioT: `status`, and `code`, BioT's word for the reason."""

    def __init__(self, method: str, path: str, status: int, code: str | None) -> None:
        super().__init__(f"BioT answered {status} {code or ''} to {method} {path}")
        self.status = status
        self.code = code


class _AccessToken:
    """The plugin's access token. It is used until shortly before its end: issuing one is costly for the platform."""

    def __init__(self) -> None:
        self._text = ""
        self._until = 0.0

    def get(self) -> str:
        """Return a valid token; the first call, and each call after the token's end, logs in."""
        if time.time() >= self._until:
            user = {"id": os.environ["BIOT_SERVICE_USER_ID"], "secretKey": os.environ["BIOT_SERVICE_USER_SECRET_KEY"]}
            response = _send("POST", "/ums/v2/services/accessToken", user, {})
            self._text = response["accessToken"]
            self._until = _end(response) - MARGIN
        return self._text

    def forget(self) -> None:
        """Log in again at the next call."""
        self._until = 0.0


_access_token = _AccessToken()


def call(method: str, path: str, body: Any = None) -> Any:
    """Send a request and return the JSON of the response, None when it is empty.

    Raises ApiError, and OSError when BioT cannot be reached.
    """
    return _send(method, path, body, {"authorization": f"Bearer {_access_token.get()}"})


def _end(response: dict[str, Any]) -> float:
    """Return when a new access token ends."""
    try:
        return datetime.fromisoformat(response["accessTokenExpiration"]).timestamp()
    except (LookupError, TypeError, ValueError):
        return time.time() + UNKNOWN_LIFE


def _send(method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
    try:
        return biot.fetch(method, path, body, headers)
    except urllib.error.HTTPError as error:
        if error.code == 401:
            _access_token.forget()
        raise ApiError(method, path, error.code, _code(error)) from None


def _code(error: urllib.error.HTTPError) -> str | None:
    try:
        code = json.loads(error.read())["code"]
    except (OSError, LookupError, TypeError, ValueError):
        return None
    return code if isinstance(code, str) else None
