"""Calls to BioT as this plugin's own service user; BioT gives its id and key to each plugin that it deploys.

from biot_api import call
patient = call("GET", f"/organization/v1/users/patients/{patient_id}")
"""

import json
import os
import time
import urllib.error
from datetime import datetime

import biot

# Seconds before a token's end at which it is no longer used, and the life of one whose end cannot be read.
MARGIN = 60
UNKNOWN_LIFE = 300

_token = {"text": None, "until": 0.0}


class ApiError(Exception):
    """BioT refused a call: `status`, and `code`, its word for the reason."""

    def __init__(self, method, path, status, code):
        super().__init__(f"BioT answered {status} {code or ''} to {method} {path}")
        self.status, self.code = status, code


def call(method, path, body=None):
    """The JSON answer, None when it is empty. Raises ApiError, and OSError when BioT cannot be reached."""
    return _call(method, path, body, {"authorization": f"Bearer {_access_token()}"})


def _access_token():
    """One token serves until shortly before its end: issuing them is costly for the platform."""
    if time.time() >= _token["until"]:
        user = {"id": os.environ["BIOT_SERVICE_USER_ID"], "secretKey": os.environ["BIOT_SERVICE_USER_SECRET_KEY"]}
        answer = _call("POST", "/ums/v2/services/accessToken", user, {})
        _token.update(text=answer["accessToken"], until=_end(answer) - MARGIN)
    return _token["text"]


def _end(answer):
    try:
        return datetime.fromisoformat(answer["accessTokenExpiration"]).timestamp()
    except (LookupError, TypeError, ValueError):
        return time.time() + UNKNOWN_LIFE


def _call(method, path, body, headers):
    try:
        return biot.fetch(method, path, body, headers)
    except urllib.error.HTTPError as error:
        if error.code == 401:
            _token["until"] = 0.0
        raise ApiError(method, path, error.code, _code(error)) from None


def _code(error):
    try:
        return json.loads(error.read())["code"]
    except (OSError, LookupError, TypeError, ValueError):
        return None
