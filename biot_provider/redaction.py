"""Strikes secrets out of texts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from html import escape


def redact(text: str, secrets: Iterable[str]) -> str:
    """The text with every secret of four characters or more struck out, as it is and as JSON or HTML write it."""
    forms = {
        form
        for secret in secrets
        if secret and len(secret) >= 4
        for form in (secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], escape(secret))
    }
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, "[secret]")
    return text
