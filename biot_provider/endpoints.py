"""What of an endpoint's address may be shown: a query (``?code=...``) and a user's name may be secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

_USER = re.compile(r"(?<=//)[^/?#]*@")
_BEHIND_THE_PATH = re.compile(r"[?#].*", re.DOTALL)


def public_part(endpoint: object) -> str:
    """The address without user, query and fragment."""
    return _BEHIND_THE_PATH.sub("", _USER.sub("", str(endpoint)))


def subscription_secrets(subscription: Mapping[str, Any]) -> list[str]:
    """What no text may quote of a subscription as the API has it."""
    endpoint = str(subscription.get("endpoint") or "")
    found = _USER.search(endpoint), _BEHIND_THE_PATH.search(endpoint)
    parts = [match[0].strip("?#@") for match in found if match]
    parts += [re.split("[=:]", pair, maxsplit=1)[-1] for part in parts for pair in re.split("[&#]", part)]
    filters = subscription.get("pathFilters")
    parts += [str(value) for value in filters.values()] if isinstance(filters, Mapping) else []
    return sorted({form for part in parts for form in (part, unquote(part)) if form})
