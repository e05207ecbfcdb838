"""Packages and archives, read and written."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from biot_provider.package.package import Package, read_package

FILES = {"index.js": "export const handler = 1;", "src/a.js": "a", "src/deep/b.js": "b", "über.txt": "ü"}


def write_archive(target: Path, files: Mapping[str, str | bytes], **entry_attributes: int) -> Path:
    with zipfile.ZipFile(target, "w") as archive:
        for path, content in files.items():
            entry = zipfile.ZipInfo(path)
            for name, value in entry_attributes.items():
                setattr(entry, name, value)
            archive.writestr(entry, content)
    return target


def zipped(package: Package) -> bytes:
    target = io.BytesIO()
    size = package.write_zip(target)
    assert size == len(target.getvalue())
    return target.getvalue()


def paths(source: Path) -> list[str]:
    return [file.path for file in read_package(source).files]
