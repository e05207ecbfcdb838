"""The cache: nothing half made, nothing without end, and a way to be rid of it."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import IO

import pytest

from biot_provider.cli import main
from biot_provider.errors import PackagingError
from biot_provider.recipe.cache import Cache, user_cache

DIGEST = "a" * 64


def test_an_entry_appears_when_it_is_whole(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")

    def write(file: IO[bytes]) -> None:
        file.write(b"half")
        assert cache.find("built", DIGEST) is None
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.add("built", DIGEST, write)
    assert cache.entries() == []
    assert cache.add("built", DIGEST, lambda file: file.write(b"whole")).read_bytes() == b"whole"
    found = cache.find("built", DIGEST)
    assert found is not None
    assert found.read_bytes() == b"whole"


def test_what_was_not_used_for_longest_goes(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    now = time.time()
    old, older, used, new = (letter * 64 for letter in "abcd")
    for digest, hours in ((old, 50), (older, 60), (used, 40), (new, 0)):
        path = cache.add("built", digest, lambda file: file.write(b"x" * 100))
        os.utime(path, (now - 3600 * hours,) * 2)
    assert cache.find("built", used) is not None
    cache.trim(250)
    assert [entry.path.stem for entry in cache.entries()] == [new, used]
    cache.trim(0)
    assert len(cache.entries()) == 2  # another process may be reading them


def test_a_cache_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PackagingError, match=r"file/cache cannot be written .* name another folder in BIOT_CACHE_DIR"):
        Cache(tmp_path / "file" / "cache").add("built", DIGEST, lambda file: file.write(b""))


@pytest.mark.parametrize("writable", ["entry", "folder"])
def test_an_entry_that_another_account_may_have_written_is_not_used(tmp_path: Path, writable: str) -> None:
    cache = Cache(tmp_path)
    entry = cache.add("built", DIGEST, lambda file: file.write(b"whole"))
    assert cache.find("built", DIGEST) == entry
    place = entry if writable == "entry" else entry.parent
    place.chmod(0o777)
    assert cache.find("built", DIGEST) is None


def test_a_folder_that_others_may_write_to_is_emptied_and_then_used_again(tmp_path: Path) -> None:
    cache, other = Cache(tmp_path), "b" * 64
    folder = cache.add("built", other, lambda file: file.write(b"whole")).parent
    folder.chmod(0o775)  # as a restored cache has it under another umask
    entry = cache.add("built", DIGEST, lambda file: file.write(b"whole"))
    assert cache.find("built", DIGEST) == entry
    assert list(folder.iterdir()) == [entry]


@pytest.mark.parametrize("action", ["show", "clear"])
def test_a_cache_that_cannot_be_read_is_one_line(
    action: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "built").symlink_to("built")  # root, too, cannot list it
    monkeypatch.setenv("BIOT_CACHE_DIR", str(tmp_path))
    assert Cache(tmp_path).find("built", DIGEST) is None
    assert main(["cache", action]) == 1
    problem = capsys.readouterr().err
    assert f"the cache {tmp_path} cannot be read (" in problem
    assert problem.count("\n") == 1


def test_where_it_is() -> None:
    assert user_cache({"BIOT_CACHE_DIR": "/somewhere"}).folder == Path("/somewhere")
    assert user_cache({"XDG_CACHE_HOME": "/x"}).folder == Path("/x/biot-provider/packages")


def test_the_command_shows_and_clears_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BIOT_CACHE_DIR", str(tmp_path))
    user_cache().add("built", DIGEST, lambda file: file.write(b"x" * 2**20))
    for name in ("mine.txt", "downloads/mine.zip", "built/mine.zip"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("not the cache's")

    assert main(["cache"]) == 0
    assert capsys.readouterr().out == f"{tmp_path}: 1 file, 1 MB of at most 2048 MB\n"
    assert main(["cache", "clear"]) == 0
    assert capsys.readouterr().out == f"{tmp_path}: 1 file, 1 MB cleared; the next build makes what it needs\n"
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert left == ["built/mine.zip", "downloads/mine.zip", "mine.txt"]


def test_the_command_shows_it_to_a_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BIOT_CACHE_DIR", str(tmp_path))
    user_cache().add("built", DIGEST, lambda file: file.write(b"x" * 10))
    for action, is_cleared in (("show", False), ("clear", True)):
        assert main(["cache", action, "--json"]) == 0
        shown = json.loads(capsys.readouterr().out)
        assert shown == {"folder": str(tmp_path), "files": 1, "bytes": 10, "cleared": is_cleared}
