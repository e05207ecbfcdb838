"""The token with which the platform signs its calls to plugins: RS512, a service's claims (BioT API 2.4.2, plugins)."""

from __future__ import annotations

import base64
import json
import time
import uuid
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..access.keys import Keys

INTERCEPTOR = "PLUGIN_INTERCEPTOR"
"""The scope of a token that comes with an interception."""
NOTIFICATION = "ACTION_NOTIFICATION"
"""The scope of a token that comes with a notification."""
SECONDS = 1800
"""How long the platform's tokens are valid; it reuses them between calls."""
LEFT = 8 * 60
"""Seconds that a token which is used again is still valid, at least."""


def plugin_token(keys: Keys, permission: str, seconds: float = SECONDS) -> str:
    """A fresh token that grants this permission and ends so many seconds from now; negative: it has ended already.

    Its header names the algorithm alone; there is no issuer, audience or moment of issue to check.
    """
    claims = {
        "serviceUserId": str(uuid.uuid4()),
        "scopes": ["PROTECTED_API", permission],
        "tokenType": "SERVICE_INTERNAL",
        "jti": str(uuid.uuid4()),
        "exp": int(time.time() + seconds),
    }
    content = f"{_encoded({'alg': 'RS512'})}.{_encoded(claims)}"
    return f"{content}.{_base64(keys.sign(content.encode()))}"


class PluginTokens:
    """The tokens of one platform: one for each permission, used again while it is valid and its key the current one."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._made: dict[tuple[str, str], tuple[float, str]] = {}

    def get(self, permission: str) -> str:
        """A token that grants this permission for some minutes at least."""
        place = (self._keys.public(), permission)
        until, token = self._made.get(place, (0.0, ""))
        if until < time.time():
            until, token = time.time() + SECONDS - LEFT, plugin_token(self._keys, permission)
            self._made[place] = (until, token)
        return token


def _encoded(value: Any) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
