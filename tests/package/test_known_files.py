"""A file that did not change is not opened again, and one that did is, whatever its time says."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from biot_provider.package import known_files
from biot_provider.package.known_files import MAX_SOURCES, KnownFiles, forget_all, stamp
from biot_provider.package.package import read_package, reread_package

from .trees import write_tree

FILES = {"index.js": "one", "lib/a.js": "a"}
HOUR = 3600 * 10**9


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, and nothing in memory."""
    monkeypatch.setenv("BIOT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(known_files, "_MEMORY", {})
    return tmp_path / "cache" / "digests"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that a package's reader opens."""
    names: list[str] = []

    def watched(path: str, *args: object, **options: object) -> object:
        names.append(path.rpartition("/code/")[2])
        return open(path, *args, **options)  # type: ignore[call-overload]  # noqa: PTH123

    monkeypatch.setattr("biot_provider.package.source.open", watched, raising=False)
    return names


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A folder whose files changed long enough ago."""
    folder = write_tree(tmp_path / "code", FILES)
    time.sleep(0.05)
    return folder


def another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what is in memory."""
    monkeypatch.setattr(known_files, "_MEMORY", {})


def test_a_file_that_did_not_change_is_not_opened_again(
    code: Path, cache: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    package = reread_package(code)
    assert sorted(opened) == ["index.js", "lib/a.js"]

    another_process(monkeypatch)
    assert reread_package(code) == package == read_package(code)
    assert sorted(opened) == sorted(["index.js", "lib/a.js"] * 2)  # those of read_package alone


def test_where_nothing_can_be_written_the_process_knows_it_all_the_same(
    code: Path, tmp_path: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BIOT_CACHE_DIR", str(tmp_path / "file/cache"))

    assert reread_package(code) == reread_package(code)
    assert len(opened) == 2


@pytest.mark.parametrize("change", ["content", "same size and time", "put in its place", "mode", "link"])
def test_a_file_that_changed_is_read_again(
    code: Path, cache: Path, opened: list[str], change: str, tmp_path: Path
) -> None:
    before, file = reread_package(code), code / "index.js"
    status = file.stat()
    opened.clear()
    if change == "mode":
        file.chmod(0o755)
    elif change == "put in its place":  # as `mv` of what `cp -p` made
        shutil.copy2(file, tmp_path / "copy")
        (tmp_path / "copy").write_text("two")
        os.utime(tmp_path / "copy", ns=(status.st_atime_ns, status.st_mtime_ns))
        (tmp_path / "copy").replace(file)
    elif change == "link":
        write_tree(code, {"other.js": "two"})
        file.unlink()
        file.symlink_to("other.js")
    else:
        file.write_text("two" if change.startswith("same") else "three")
        if change.startswith("same"):
            os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))

    after = reread_package(code)

    assert "index.js" in opened
    assert "lib/a.js" not in opened
    assert after == read_package(code)
    assert after.digest != before.digest


def test_content_that_changed_at_once_is_seen(code: Path, cache: Path) -> None:
    for number in range(100):
        (code / "index.js").write_text("one")
        before = reread_package(code)
        (code / "index.js").write_text("two")
        assert reread_package(code).digest != before.digest, f"round {number}"


def test_content_that_changed_under_an_equal_stat_is_seen_where_a_filesystem_has_no_times_of_its_own(
    code: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As squashfs, ISO 9660 and images with SOURCE_DATE_EPOCH show it: each version at the same place, alike."""
    shown: list[os.stat_result] = []

    def of_an_image(status: os.stat_result, now: int) -> str | None:
        times = {f"st_{name}_ns": HOUR for name in ("mtime", "ctime", "atime")}
        shown.append(os.stat_result(tuple(status), times))
        return stamp(shown[-1], now)

    monkeypatch.setattr("biot_provider.package.folders.folder_source.stamp", of_an_image)
    (code / "index.js").write_text("one")
    before = reread_package(code)
    (code / "index.js").write_text("two")
    after = reread_package(code)

    assert len({(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino) for status in shown}) == 2
    assert after.digest != before.digest


@pytest.mark.parametrize(
    ("modified", "changed", "read", "is_trusted"),
    [
        (HOUR + 1, HOUR + 1, HOUR + 10**8, True),
        (HOUR + 1, HOUR + 1, HOUR + 10**7, False),  # within a tick
        (HOUR, HOUR, 2 * HOUR, False),  # whole seconds: the filesystem has no time of change, or a coarse one
        (HOUR + 1, HOUR, 2 * HOUR, False),
        (HOUR, HOUR + 1, HOUR + 10**8, True),  # set by `touch -d` on another
        (1, HOUR + 1, HOUR + 10**7, False),  # an old file that was put there just now
        (HOUR + 1, 1, HOUR - 1, False),  # from the future, or the clock went back
    ],
)
def test_what_is_trusted(tmp_path: Path, modified: int, changed: int, read: int, *, is_trusted: bool) -> None:
    (tmp_path / "x").touch()
    status = (tmp_path / "x").stat()
    known = os.stat_result(tuple(status), {"st_mtime_ns": modified, "st_ctime_ns": changed, "st_atime_ns": 0})
    assert (stamp(known, read) is not None) is is_trusted


@pytest.mark.parametrize("damage", ["cut", "bit", "empty", "foreign", "text", "another's", "open to all"])
def test_what_is_damaged_or_anothers_is_not_believed(
    code: Path, cache: Path, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = reread_package(code)
    (kept,) = cache.iterdir()
    content = kept.read_bytes()
    wrong = content.replace(package.files[0].digest.encode(), b"0" * 64)
    assert wrong != content
    if damage == "cut":
        kept.write_bytes(content[:-20])
    elif damage == "bit":
        kept.write_bytes(wrong)
    elif damage == "empty":
        kept.write_bytes(b"")
    elif damage == "foreign":
        kept.write_bytes(json.dumps({"index.js": 1}).encode())
    elif damage == "text":
        kept.write_bytes(b"\xff\xfe\n{")
    else:  # it says something that nobody could tell from the truth
        body = wrong.partition(b"\n")[2]
        kept.write_bytes(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
        if damage == "another's":
            monkeypatch.setattr(os, "geteuid", lambda: kept.stat().st_uid + 1)
        else:
            kept.chmod(0o666)
    another_process(monkeypatch)

    assert reread_package(code) == package


def test_it_is_for_this_user_alone_and_has_a_bound(code: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.mkdir(parents=True, mode=0o700)
    for number in range(MAX_SOURCES + 5):
        (cache / f"{number}.json").write_text("")
        os.utime(cache / f"{number}.json", (number, number))
    monkeypatch.setattr(known_files, "_make_room", known_files._make_room.__wrapped__)

    reread_package(code)

    names = {path.name for path in cache.iterdir()}
    assert len(names) == MAX_SOURCES + 1
    assert names.isdisjoint(f"{number}.json" for number in range(5))
    assert {path.stat().st_mode & 0o777 for path in cache.iterdir() if path.stat().st_mtime > 10**9} == {0o600}


def test_a_file_that_went_away_is_no_part_of_it(code: Path, cache: Path) -> None:
    reread_package(code)
    (code / "lib/a.js").unlink()
    assert [file.path for file in reread_package(code).files] == ["index.js"]


def test_a_zip_is_not_opened_again(code: Path, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "code.zip"
    with archive.open("wb") as target:
        read_package(code).write_zip(target)
    time.sleep(0.05)
    package = reread_package(archive)
    another_process(monkeypatch)
    with monkeypatch.context() as patch:
        patch.setattr("zipfile.ZipFile.__init__", None)
        assert reread_package(archive) == package
    (code / "lib/a.js").write_text("b")
    with archive.open("wb") as target:
        read_package(code).write_zip(target)
    assert reread_package(archive).digest == read_package(code).digest != package.digest


def test_other_rules_for_the_same_folder_are_no_other_files(code: Path, cache: Path) -> None:
    whole = reread_package(code)
    assert [file.path for file in reread_package(code, without=frozenset({"lib"})).files] == ["index.js"]
    assert reread_package(code) == whole


def _read(folder: str) -> Iterator[str]:
    for _ in range(30):
        known_files._MEMORY.clear()
        yield reread_package(Path(folder)).digest
        forget_all()


def digests(folder: str) -> set[str]:
    """What one process finds, again and again."""
    return set(_read(folder))


def test_several_processes_at_once_find_the_same(code: Path, cache: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        found = pool.map(digests, [str(code)] * 3)
    assert set.union(*found) == {read_package(code).digest}


def test_no_more_is_kept_in_memory_than_there_is_room_for(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_files, "_MAX_FILES", 10)
    files = read_package(write_tree(cache.parent.parent / "many", {f"{number}": "" for number in range(6)})).files
    for source in ("a", "b", "c"):
        KnownFiles(source).keep(("stamp", file) for file in files)
    assert sum(map(len, known_files._MEMORY.values())) <= 10
