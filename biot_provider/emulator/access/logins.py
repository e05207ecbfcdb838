"""The routes of logins and of the public key (BioT API 2.4.2, ums); all of them are public."""

from __future__ import annotations

from typing import TYPE_CHECKING

from biot_provider.emulator.http.routes import MAX_LOGIN_BYTES, Route

if TYPE_CHECKING:
    from biot_provider.emulator.access.identity import Identity
    from biot_provider.emulator.access.keys import Keys


def routes(identity: Identity, keys: Keys) -> list[Route]:
    """List the routes."""
    people = identity.people
    logins = {
        "/ums/v2/services/accessToken": identity.log_in,
        "/ums/v2/users/login": people.log_in,
        "/ums/v2/users/token/refresh": people.refresh,
        "/ums/v2/users/token/login": people.log_in_again,
    }
    return [
        *(
            Route("POST", path, lambda call, log_in=log_in: (200, log_in(call.json)), max_body=MAX_LOGIN_BYTES)
            for path, log_in in logins.items()
        ),
        Route("GET", "/ums/v1/security/public-key", lambda _: (200, keys.published())),
    ]
