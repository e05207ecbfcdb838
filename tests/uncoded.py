"""Messages without their codes, which a test of their words need not repeat."""

from __future__ import annotations

import re

_CODE = re.compile(r" \[BIOT-\d{4}(?:, BIOT-\d{4})*\]$", re.MULTILINE)


def uncoded(text: str) -> str:
    """Return a message, or several below each other, without codes; fails where it has none."""
    assert _CODE.search(text), f"no code: {text!r}"
    return _CODE.sub("", text)
