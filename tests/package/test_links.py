"""Links in a folder: what is packaged, and what is refused."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from biot_provider.errors import PackagingError
from biot_provider.package.package import read_package

from .archives import paths, zipped
from .trees import write_tree


class _Junction:
    """A link to a folder as Windows lists a junction: a folder that is no symbolic link, with a tag of its own."""

    def __init__(self, link: os.DirEntry[str]) -> None:
        self.name, self.path = link.name, link.path

    def is_dir(self) -> bool:
        return True

    def is_symlink(self) -> bool:
        return False

    def stat(self, *, follow_symlinks: bool) -> SimpleNamespace:
        assert not follow_symlinks
        return SimpleNamespace(st_reparse_tag=0xA0000003)


def _with_junctions(folder: str) -> dict[str, Any]:
    with os.scandir(folder) as scan:
        return {entry.name: _Junction(entry) if entry.is_symlink() else entry for entry in scan}


class TestLinks:
    def test_to_a_file_or_folder_inside_are_packaged_as_what_they_point_to(self, tmp_path: Path) -> None:
        write_tree(tmp_path, {"index.js": "x", "lib/a.js": "a"})
        (tmp_path / "main.js").symlink_to("index.js")
        (tmp_path / "src").mkdir()
        (tmp_path / "src" / "lib").symlink_to("../lib")

        package = read_package(tmp_path)

        assert [file.path for file in package.files] == ["index.js", "lib/a.js", "main.js", "src/lib/a.js"]
        with zipfile.ZipFile(io.BytesIO(zipped(package))) as archive:
            assert archive.read("src/lib/a.js") == b"a"

    def test_make_no_difference_to_a_copy(self, tmp_path: Path) -> None:
        linked = write_tree(tmp_path / "linked", {"lib/a.js": "a"})
        (linked / "b").symlink_to("lib")
        copied = write_tree(tmp_path / "copied", {"lib/a.js": "a", "b/a.js": "a"})

        assert read_package(linked).digest == read_package(copied).digest

    def test_the_folder_itself_may_be_a_link(self, tmp_path: Path) -> None:
        write_tree(tmp_path / "real", {"index.js": "x", "lib/a.js": "a"})
        (tmp_path / "real" / "b.js").symlink_to(tmp_path / "real" / "lib" / "a.js")
        (tmp_path / "link").symlink_to("real")

        assert paths(tmp_path / "link") == ["b.js", "index.js", "lib/a.js"]

    @pytest.mark.parametrize("target", ["../secret.txt", "../plugin-two", "/"])
    @pytest.mark.parametrize("place", ["link", "src/link"])
    def test_out_of_the_folder_are_refused_by_name(self, tmp_path: Path, target: str, place: str) -> None:
        write_tree(tmp_path, {"secret.txt": "x", "plugin-two/a.js": "x", "plugin/src/index.js": "x"})
        (tmp_path / "plugin" / place).symlink_to((tmp_path / "plugin" / target).resolve())

        with pytest.raises(PackagingError, match=rf"the link {place} points out of the folder, to .*; put a copy"):
            read_package(tmp_path / "plugin")

    def test_are_junctions_too_as_npm_makes_them_on_windows(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_tree(tmp_path, {"plugin/index.js": "x", "packages/own/index.js": "y"})
        (tmp_path / "plugin/node_modules").mkdir()
        (tmp_path / "plugin/node_modules/own").symlink_to(tmp_path / "packages/own")
        monkeypatch.setattr("biot_provider.package.folders.folder_source._HAS_JUNCTIONS", True)
        monkeypatch.setattr("biot_provider.package.folders.folder_source._entries", _with_junctions)

        with pytest.raises(PackagingError, match=r"the link node_modules/own points out of the folder, .*; install it"):
            read_package(tmp_path / "plugin")

    def test_through_another_link_out_of_the_folder_are_refused(self, tmp_path: Path) -> None:
        write_tree(tmp_path, {"secret.txt": "x", "plugin/index.js": "x"})
        (tmp_path / "plugin" / "a").symlink_to("b")
        (tmp_path / "plugin" / ".gitignore").write_text("/b")
        (tmp_path / "plugin" / "b").symlink_to("../secret.txt")

        with pytest.raises(PackagingError, match="the link a points out of the folder"):
            read_package(tmp_path / "plugin")

    @pytest.mark.parametrize("name", [".gitignore", ".biotignore"])
    def test_an_ignore_file_is_not_read_through_a_link_out_of_the_folder(self, tmp_path: Path, name: str) -> None:
        write_tree(tmp_path, {"rules": "*", "plugin/index.js": "x"})
        (tmp_path / "plugin" / name).symlink_to("../rules")

        with pytest.raises(PackagingError, match=f"the link {name} points out of the folder"):
            read_package(tmp_path / "plugin")

    @pytest.mark.parametrize("target", ["nowhere", "link"])
    def test_to_nothing_are_refused_by_name(self, tmp_path: Path, target: str) -> None:
        write_tree(tmp_path, {"index.js": "x"})
        (tmp_path / "link").symlink_to(target)

        with pytest.raises(
            PackagingError, match=r"the link link points to nothing; remove it or name it in \.biotignore"
        ):
            read_package(tmp_path)

    @pytest.mark.parametrize("target", [".", "..", "../.."])
    def test_that_go_round_in_circles_are_refused_by_name(self, tmp_path: Path, target: str) -> None:
        write_tree(tmp_path, {"src/deep/index.js": "x"})
        (tmp_path / "src" / "deep" / "link").symlink_to(target)

        with pytest.raises(PackagingError, match="the link src/deep/link leads back to a folder that it lies in"):
            read_package(tmp_path)

    def test_two_that_lead_to_each_others_folder_are_refused(self, tmp_path: Path) -> None:
        write_tree(tmp_path, {"a/index.js": "x", "b/index.js": "x"})
        (tmp_path / "a" / "to").symlink_to("../b")
        (tmp_path / "b" / "to").symlink_to("../a")

        with pytest.raises(PackagingError, match="leads back to a folder that it lies in"):
            read_package(tmp_path)

    def test_that_are_left_out_are_no_problem(self, tmp_path: Path) -> None:
        write_tree(tmp_path, {"index.js": "x", ".biotignore": "out\nnowhere\ncircle/\n"})
        (tmp_path / "out").symlink_to("/")
        (tmp_path / "nowhere").symlink_to("missing")
        (tmp_path / "circle").symlink_to(".")

        assert paths(tmp_path) == ["index.js"]
