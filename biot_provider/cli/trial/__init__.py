"""What `biot-provider invoke` is made of: the plugin as it would be packaged, the calls it gets, and how they went."""

from __future__ import annotations

import json
from pathlib import Path


class UsageProblem(Exception):  # noqa: N818  (a mistake of the user)
    """The command was given something it cannot use; the text is one line that says what, and what to do."""


def read_text(file: Path | str) -> str:
    """The text of a file in UTF-8, or in UTF-16 or UTF-32 as editors and shells of Windows write it.

    A byte order mark is left out. Raises OSError and UnicodeDecodeError.
    """
    content = Path(file).read_bytes()
    return content.decode(json.detect_encoding(content)).removeprefix("\ufeff")
