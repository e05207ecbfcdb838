"""The routes of logins and of the public key (BioT API 2.4.2, ums)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..http.routes import MAX_LOGIN_BYTES, Route

if TYPE_CHECKING:
    from ..http.routes import Call
    from .identity import Identity
    from .keys import Keys


class LoginsApi:
    """Logins over HTTP; all of it is public."""

    def __init__(self, identity: Identity, keys: Keys) -> None:
        self._identity = identity
        self._keys = keys

    def routes(self) -> list[Route]:
        """What it answers."""
        return [
            Route("POST", "/ums/v2/services/accessToken", self._log_in, max_body=MAX_LOGIN_BYTES),
            Route("POST", "/ums/v2/users/login", self._log_in_person, max_body=MAX_LOGIN_BYTES),
            Route("POST", "/ums/v2/users/token/refresh", self._refresh, max_body=MAX_LOGIN_BYTES),
            Route("POST", "/ums/v2/users/token/login", self._log_in_again, max_body=MAX_LOGIN_BYTES),
            Route("GET", "/ums/v1/security/public-key", self._public_key),
        ]

    def _log_in(self, call: Call) -> tuple[int, Any]:
        return 200, self._identity.log_in(call.json)

    def _log_in_person(self, call: Call) -> tuple[int, Any]:
        return 200, self._identity.people.log_in(call.json)

    def _refresh(self, call: Call) -> tuple[int, Any]:
        return 200, self._identity.people.refresh(call.json)

    def _log_in_again(self, call: Call) -> tuple[int, Any]:
        return 200, self._identity.people.log_in_again(call.json)

    def _public_key(self, _call: Call) -> tuple[int, Any]:
        return 200, {"publicKey": self._keys.public(), "previousPublicKey": self._keys.previous()}
