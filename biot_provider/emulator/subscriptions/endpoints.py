"""Addresses of endpoints in other accounts: which of them can be called, and the form in which people see them."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit


def endpoint_problem(endpoint: str) -> str | None:
    """Return why an address cannot be called; the text does not quote it."""
    url = _split(endpoint)
    if url is None:
        return "must be a URL"
    if "@" in url.netloc:
        return "must not hold credentials: a token says who calls"
    return None


def shown_endpoint(endpoint: str) -> str:
    """Return an address without credentials, and without the query, which may contain a key."""
    url = _split(endpoint)
    if url is None:
        return "an endpoint that is no URL"
    return f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}"


def _split(endpoint: str) -> SplitResult | None:
    """Split an address; return None if it is not a URL."""
    try:
        url = urlsplit(endpoint)
        # The library checks the port only when it is read.
        sound = url.scheme in ("http", "https") and url.hostname and url.port != 0
    except ValueError:
        return None
    return url if sound and endpoint.isascii() and endpoint.isprintable() and " " not in endpoint else None
