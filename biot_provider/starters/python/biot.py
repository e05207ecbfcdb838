"""BioT's side of a plugin: which kind of call it is, whether its token is genuine, how to refuse it.

A token passes when BioT signed it with RS512, it has not expired, and it holds the permission its kind of call needs.
As long as BioT's public key cannot be had, no token passes.
"""

import base64
import json
import os
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

# The dependencies are built for AWS Lambda: another Python, or another system, has to find its own.
PACKAGES = Path(__file__).with_name("site-packages")
if (PACKAGES / f"_cffi_backend{EXTENSION_SUFFIXES[0]}").exists():
    sys.path.insert(0, str(PACKAGES))

try:
    import jwt
    from cryptography.hazmat.primitives.serialization import load_der_public_key
except ModuleNotFoundError as error:
    here = f"Python {sys.version_info[0]}.{sys.version_info[1]} on {sys.platform}"
    message = f"the dependencies in site-packages are missing or not for {here}: README.md says how to install them"
    raise ImportError(message) from error

# Seconds.
KEYS_LIVE = 3600
KEYS_REST = 10  # between two fetches that tokens with unknown signatures can cause
CLOCK_SKEW = 10
PATIENCE = 2

# The kinds of call: the header `hooktype`, and two that have none.
REQUEST = "INTERCEPTOR_PRE"
RESPONSE = "INTERCEPTOR_POST"
ENTITIES = "INTERCEPTOR_POST_ENTITY"
NOTIFICATION = "NOTIFICATION"
SCHEDULE = "SCHEDULE"
DIRECT = "DIRECT"

trace = {"id": "", "parent": None}
"""Of the call in progress: Lambda gives a process one at a time."""


class Refusal(Exception):
    """Ends the call with an error in BioT's format; an intercepted call is blocked by it."""

    def __init__(self, status, code, message, details=None):
        super().__init__(message)
        self.status, self.code, self.message, self.details = status, code, message, details or {}

    def answer(self):
        """What the handler returns."""
        log("refused", status=self.status, code=self.code)
        body = {
            "code": self.code,
            "message": self.message,
            "serviceName": os.environ.get("BIOT_APP_NAME", "My Plugin"),
            "traceId": trace["id"],
            "environment": os.environ.get("BIOT_SERVICE_ENVIRONMENT", ""),
            "details": self.details,
        }
        return {"statusCode": self.status, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}


@dataclass(frozen=True)
class Call:
    """A call whose token, where its kind has one, is verified."""

    kind: str
    body: dict | None
    """The JSON of a hook, without its token; None for the other kinds."""
    caller: dict | None
    """The claims of the token; None where there is none, or tokens are not verified."""


def read_call(event, context):
    """Read and verify a Lambda event. Raises Refusal."""
    event = event or {}
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    _trace(headers, context)
    # Whoever comes over the network has headers, even without a body: nobody can pass for the schedule.
    if not headers and "body" not in event and "requestContext" not in event:
        return Call(SCHEDULE, None, None)
    kind = headers.get("hooktype", DIRECT)
    token = _bearer(headers)
    if kind == DIRECT:
        return Call(DIRECT, None, _claims(token) if token else None)
    if kind not in (REQUEST, RESPONSE, ENTITIES, NOTIFICATION):
        raise Refusal(400, "HOOK_UNKNOWN", "This kind of hook is not known to the plugin")
    body = body_of(event)
    if kind == NOTIFICATION:
        token = body.pop("jwt", None)
        trace["id"] = (body.get("metadata") or {}).get("traceId") or trace["id"]
    return Call(kind, body, _claims(token, _permission(kind)))


def body_of(event):
    """The JSON object in a call's body. Raises Refusal."""
    try:
        body = event.get("body") or "{}"
        parsed = json.loads(base64.b64decode(body) if event.get("isBase64Encoded") else body)
    except (ValueError, TypeError):
        parsed = None
    if not isinstance(parsed, dict):
        raise Refusal(400, "BODY_NOT_JSON", "The body of the call must be a JSON object")
    return parsed


def log(message, **fields):
    """Write one JSON line. Never log an event: it holds tokens and the patient's data."""
    sys.stdout.write(json.dumps({"traceId": trace["id"], "message": message, **fields}) + "\n")


def fetch(method, path, body=None, headers=None):
    """The JSON that the platform answers, None if that is empty. Raises OSError, HTTPException or ValueError."""
    url = os.environ.get("BIOT_BASE_URL", "").rstrip("/") + path
    headers = {"accept": "application/json", **(headers or {})}
    if trace["parent"]:
        headers["traceparent"] = trace["parent"]
    if body is not None:
        body = json.dumps(body).encode()
        headers["content-type"] = "application/json"
    request = urllib.request.Request(url, body, headers, method=method)
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        content = answer.read()
    return json.loads(content) if content else None


def _trace(headers, context):
    parent = headers.get("traceparent")
    parts = (parent or "").split("-")
    trace["parent"] = parent
    trace["id"] = parts[1] if len(parts) == 4 else getattr(context, "aws_request_id", "")


def _bearer(headers):
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _permission(kind):
    if kind == NOTIFICATION:
        return os.environ.get("BIOT_JWT_PERMISSION_NOTIFICATION") or "ACTION_NOTIFICATION"
    return os.environ.get("BIOT_JWT_PERMISSION_INTERCEPTION") or "PLUGIN_INTERCEPTOR"


def _claims(token, permission=None):
    """The claims of a token; raises Refusal unless it is genuine and holds the permission."""
    if os.environ.get("BIOT_SHOULD_VALIDATE_JWT", "").lower() == "false":
        log("the token is not verified: BIOT_SHOULD_VALIDATE_JWT is false")
        return None
    if not isinstance(token, str) or not token:
        raise _invalid("The call has no BioT token")
    try:
        claims = _keys.claims(token)
    except jwt.ExpiredSignatureError:
        raise _invalid("The token has expired") from None
    except jwt.InvalidSignatureError:
        raise _invalid("The token is not signed by BioT") from None
    except jwt.PyJWTError:
        raise _invalid("The token is not one of BioT's") from None
    scopes = claims.get("scopes")
    if permission and not (isinstance(scopes, list) and permission in scopes):
        raise _invalid(f"The token lacks the permission {permission}")
    return claims


def _invalid(reason):
    log("the token is refused", reason=reason)
    return Refusal(401, "TOKEN_NOT_VALID", reason)


class _PublicKeys:
    """BioT's keys, the newest first, for as long as the process is warm."""

    def __init__(self):
        self._keys = []
        self._fetched = 0

    def claims(self, token):
        # The wall clock: the other one may stand still while Lambda has the process frozen.
        age = time.time() - self._fetched
        if not 0 <= age < KEYS_LIVE:
            self._fetch()
            return self._verified(token)
        try:
            return self._verified(token)
        except jwt.InvalidSignatureError:
            if age < KEYS_REST:
                raise
        self._fetch()
        return self._verified(token)

    def _verified(self, token):
        options = {"require": ["exp"], "verify_aud": False}
        for key in self._keys:
            try:
                return jwt.decode(token, key, algorithms=["RS512"], leeway=CLOCK_SKEW, options=options)
            except jwt.InvalidSignatureError:
                continue
        raise jwt.InvalidSignatureError

    def _fetch(self):
        try:
            answer = fetch("GET", "/ums/v1/security/public-key")
            texts = [answer["publicKey"], answer.get("previousPublicKey")]
            self._keys = [load_der_public_key(base64.b64decode(text)) for text in texts if text]
        except (OSError, HTTPException, ValueError, LookupError, TypeError, AttributeError) as error:
            log("BioT's public key cannot be had", error=f"{type(error).__name__}: {error}")
            message = "BioT's public key cannot be had, so no token can be verified: try again"
            raise Refusal(503, "PUBLIC_KEY_UNAVAILABLE", message) from None
        self._fetched = time.time()


_keys = _PublicKeys()
