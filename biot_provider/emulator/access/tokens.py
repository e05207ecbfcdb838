"""Tokens: random texts, stored only as digests, and the form of their expiration in responses."""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from biot_provider.emulator.timestamps import iso

if TYPE_CHECKING:
    from biot_provider.emulator.testing.contract_variants import ContractVariant


TOKEN_SECONDS = 30 * 60
"""How long an access token is valid when nothing else is set."""


def new() -> str:
    """Return a new token that cannot be guessed."""
    return secrets.token_urlsafe(48)


def digest(token: str) -> str:
    """Return the digest of a token, which is stored."""
    return hashlib.sha256(token.encode()).hexdigest()


def shown(member: str, expires: float, variant: ContractVariant) -> dict[str, Any]:
    """Return the response's member with a token's expiration, in the form of the variant `token_expiration`."""
    style = variant.token_expiration
    if style == "absent":
        return {}
    if style == "odd":
        return {member: datetime.fromtimestamp(expires, UTC).strftime("%a %b %d %H:%M:%S UTC %Y")}
    return {member: iso(expires, "seconds" if style == "iso" else "milliseconds")}
