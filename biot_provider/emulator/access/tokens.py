"""Tokens: random words without meaning, kept as digests only, and how a response says when one ends."""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..timestamps import iso

if TYPE_CHECKING:
    from ..testing.switches import PlatformVariant


TOKEN_SECONDS = 30 * 60
"""How long an access token is valid when nothing else is set."""


def new() -> str:
    """Return a token nobody can guess."""
    return secrets.token_urlsafe(48)


def digest(token: str) -> str:
    """Return what is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def shown(member: str, expires: float, variant: PlatformVariant) -> dict[str, Any]:
    """Return the member of a response that says when a token ends, as the switch `token_expiration` writes it."""
    style = variant.token_expiration
    if style == "absent":
        return {}
    if style == "odd":
        return {member: datetime.fromtimestamp(expires, UTC).strftime("%a %b %d %H:%M:%S UTC %Y")}
    return {member: iso(expires, "seconds" if style == "iso" else "milliseconds")}
