"""Wrong usage of `biot-provider invoke`, and files that the user names."""

from __future__ import annotations

import json
from pathlib import Path

from biot_provider.errors import coded


class UsageProblem(Exception):  # noqa: N818  (a mistake of the user)
    """An option the command cannot use; the text is one line with the option and the remedy."""

    def __init__(self, text: str, code: str) -> None:
        super().__init__(coded(text, code))


def read_text(file: Path | str) -> str:
    """Return the text of a file in UTF-8, or in UTF-16 or UTF-32 as editors and shells of Windows write it.

    The text has no byte order mark. Raises OSError and UnicodeDecodeError.
    """
    content = Path(file).read_bytes()
    return content.decode(json.detect_encoding(content)).removeprefix("\ufeff")
