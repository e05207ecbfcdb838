"""A package is unpacked within its limits, or refused."""

from __future__ import annotations

import io
import stat
import zipfile
from pathlib import Path

import pytest

from biot_provider.emulator.functions.runtime import (
    PackageError,
    unpack,
)

LINKED = 0o120777 << 16


def zipped(*entries: tuple[str, str, int]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, attributes in entries:
            entry = zipfile.ZipInfo(name)
            entry.create_system = 3
            entry.external_attr = attributes
            archive.writestr(entry, content)
    return buffer.getvalue()


def test_a_package_is_unpacked_with_no_more_rights_than_it_gives(tmp_path: Path) -> None:
    unpack(zipped(("a/run", "x", 0o104777 << 16), ("a/b.txt", "y", 0o666 << 16)), tmp_path / "code")

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "code" / "a").iterdir()}
    assert modes == {"run": 0o755, "b.txt": 0o644}
    assert (tmp_path / "code" / "a" / "b.txt").read_text() == "y"


@pytest.mark.parametrize("name", ["../out", "/out", "a/../../out", "C:/out", "a\\..\\out", "a//out"])
def test_a_package_that_leads_outside_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(PackageError, match="is no place within it"):
        unpack(zipped((name, "x", 0)), tmp_path / "code")
    assert not (tmp_path / "out").exists()


def test_a_package_that_is_too_big_is_refused_even_when_it_lies_about_it(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match="holds more than 1 MB"):
        unpack(zipped(("zeros", "\0" * (2 << 20), 0)), tmp_path / "code", limit=1 << 20)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (b"PK\x03\x04" + b"\x00" * 96, "no sound zip"),
        (b"", "no sound zip"),
        (zipped(("a", "/etc", LINKED)), "a in the package is a link"),
        (zipped(("a", "x", 0), ("a/b", "x", 0)), "a/b is in the package twice, or a file and a folder at once"),
    ],
)
def test_a_package_that_is_none_is_refused(tmp_path: Path, code: bytes, text: str) -> None:
    with pytest.raises(PackageError, match=text):
        unpack(code, tmp_path / "code")
