"""The stamp's variable, and code as a zip."""

from __future__ import annotations

import io
import zipfile

STAMP = "PULUMI_BIOT_STAMP"


def zipped(text: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("index.py", text)
    return buffer.getvalue()
