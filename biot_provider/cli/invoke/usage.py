"""Files that the user of `biot-provider invoke` names."""

from __future__ import annotations

import json
from pathlib import Path


def read_text(file: Path | str) -> str:
    """Return the text of a file in UTF-8, or in UTF-16 or UTF-32 as editors and shells of Windows write it.

    The text has no byte order mark. Raises OSError and UnicodeDecodeError.
    """
    content = Path(file).read_bytes()
    return content.decode(json.detect_encoding(content)).removeprefix("\ufeff")
