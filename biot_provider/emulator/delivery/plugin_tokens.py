"""The token with which the platform signs its calls to plugins: RS512, a service's claims (BioT API 2.4.2, plugins)."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from biot_provider.emulator.access.keys import Keys

INTERCEPTOR = "PLUGIN_INTERCEPTOR"
"""The scope of a token that comes with an interception."""
NOTIFICATION = "ACTION_NOTIFICATION"
"""The scope of a token that comes with a notification."""
TOKEN_SECONDS = 1800
"""How long the platform's tokens are valid; it reuses them between calls."""
MIN_SECONDS_LEFT = 8 * 60
"""Minimum remaining validity of a token that is reused."""


def plugin_token(keys: Keys, permission: str, seconds: float = TOKEN_SECONDS) -> str:
    """Return a new token that grants this permission and expires in so many seconds; if negative, it has expired.

    Its header has only the algorithm; there is no issuer, audience or time of issue to check.
    """
    import jwt

    claims = {
        "serviceUserId": str(uuid.uuid4()),
        "scopes": ["PROTECTED_API", permission],
        "tokenType": "SERVICE_INTERNAL",
        "jti": str(uuid.uuid4()),
        "exp": int(time.time() + seconds),
    }
    return jwt.encode(claims, keys.private(), algorithm="RS512", headers={"typ": None})


class PluginTokens:
    """The tokens of one platform: one per permission, reused while it is valid and the platform's key is the same."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._made: dict[tuple[str, str], tuple[float, str]] = {}

    def get(self, permission: str) -> str:
        """Return a token that grants this permission for at least MIN_SECONDS_LEFT."""
        place = (self._keys.public(), permission)
        until, token = self._made.get(place, (0.0, ""))
        if until < time.time():
            until = time.time() + TOKEN_SECONDS - MIN_SECONDS_LEFT
            token = plugin_token(self._keys, permission)
            self._made[place] = (until, token)
        return token
