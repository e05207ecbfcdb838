"""The parts of an endpoint's address that may be shown, and those that may be secrets.

The query (``?code=...``), a user name and password, and long segments of the path may be secrets.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

_USER = re.compile(r"(?<=//)[^/?#]*@")
_BEHIND_THE_PATH = re.compile(r"[?#].*", re.DOTALL)
_TOKEN = re.compile(r"(?<=/)[^/]{20,}")
"""A path segment that is long enough to be a token, as in the addresses of webhooks."""


def public_part(endpoint: object) -> str:
    """Return the address without user, query and fragment, and with ``...`` in place of segments that may be tokens."""
    host, path = _host_and_path(str(endpoint))
    return _USER.sub("", host) + _TOKEN.sub("...", path)


def subscription_secrets(subscription: Mapping[str, Any]) -> list[str]:
    """Return the parts of a subscription, given in the API's names, that no text may quote."""
    endpoint = str(subscription.get("endpoint") or "")
    behind = _BEHIND_THE_PATH.search(endpoint)
    user = _USER.search(endpoint)
    parts = [match[0].strip("?#@") for match in (user, behind) if match]
    parts += [re.split("[=:]", pair, maxsplit=1)[-1] for part in parts for pair in re.split("[&#]", part)]
    parts += _TOKEN.findall(_host_and_path(endpoint)[1])
    filters = subscription.get("pathFilters")
    parts += [str(value) for value in filters.values()] if isinstance(filters, Mapping) else []
    return sorted({form for part in parts for form in (part, unquote(part)) if form})


def _host_and_path(endpoint: str) -> tuple[str, str]:
    scheme, colon, rest = _BEHIND_THE_PATH.sub("", endpoint).partition("://")
    host, slash, path = rest.partition("/")
    return scheme + colon + host, slash + path
