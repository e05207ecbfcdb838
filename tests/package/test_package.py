"""What a package is, what its digest depends on, and what cannot become one."""

from __future__ import annotations

import hashlib
import io
import os
import random
import socket
import stat
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from biot_provider.errors import PackagingError
from biot_provider.package.limits import MAX_UNZIPPED_BYTES, MAX_ZIPPED_BYTES
from biot_provider.package.package import MAX_FILE_DIGESTS, Package, read_package, zipped_size_problem
from biot_provider.package.source_file import PackageFile

from ..uncoded import uncoded
from .trees import write_tree

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


def package_of(*paths: str) -> Package:
    return Package(
        Path("plugin"),
        tuple(
            PackageFile(path, 1, hashlib.sha256(path.encode()).hexdigest(), executable=False) for path in sorted(paths)
        ),
    )


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


class TestWhatAPackageHolds:
    def test_each_file_has_path_size_content_digest_and_executable_bit(self, tmp_path: Path) -> None:
        write_tree(tmp_path, {"b.sh": "echo", "a/index.js": "x"})
        (tmp_path / "b.sh").chmod(0o744)

        package = read_package(tmp_path)

        assert package.source == tmp_path
        assert package.files == (
            PackageFile("a/index.js", 1, hashlib.sha256(b"x").hexdigest(), executable=False),
            PackageFile("b.sh", 4, hashlib.sha256(b"echo").hexdigest(), executable=True),
        )
        assert package.size == 5

    def test_empty_files_count_and_empty_folders_do_not(self, tmp_path: Path) -> None:
        write_tree(tmp_path, {"pkg/__init__.py": ""})
        (tmp_path / "empty").mkdir()

        assert paths(tmp_path) == ["pkg/__init__.py"]

    def test_files_larger_than_a_read_are_read_whole(self, tmp_path: Path) -> None:
        content = random.Random(1).randbytes(1_000_001)
        (tmp_path / "model.bin").write_bytes(content)

        package = read_package(tmp_path)

        assert package.files[0].digest == hashlib.sha256(content).hexdigest()
        with zipfile.ZipFile(io.BytesIO(zipped(package))) as archive:
            assert archive.read("model.bin") == content


class TestTheDigest:
    def test_does_not_depend_on_times_order_umask_or_place(self, tmp_path: Path) -> None:
        reference = read_package(write_tree(tmp_path / "reference", FILES))
        for seed in range(10):
            dice = random.Random(seed)
            folder = tmp_path / f"copy {seed}"
            old_umask = os.umask(dice.choice([0o000, 0o022, 0o077]))
            try:
                write_tree(folder, dict(dice.sample(list(FILES.items()), len(FILES))))
            finally:
                os.umask(old_umask)
            for path in folder.rglob("*"):
                os.utime(path, (0, dice.randrange(2**31)))

            copy = read_package(folder)

            assert copy.files == reference.files
            assert copy.digest == reference.digest
            assert copy.file_digests() == reference.file_digests()
            assert zipped(copy) == zipped(reference)

    @pytest.mark.parametrize(
        "change",
        [
            lambda root: (root / "index.js").write_text("changed"),
            lambda root: (root / "new.js").write_text(""),
            lambda root: (root / "index.js").unlink(),
            lambda root: (root / "index.js").rename(root / "main.js"),
            lambda root: (root / "index.js").chmod(0o755),
        ],
        ids=["content", "new file", "file gone", "renamed", "executable"],
    )
    def test_and_the_file_digests_change_with_every_change_of_the_files(self, tmp_path: Path, change: object) -> None:
        before = read_package(write_tree(tmp_path, FILES))
        assert callable(change)

        change(tmp_path)
        after = read_package(tmp_path)

        assert after.digest != before.digest
        assert after.file_digests() != before.file_digests()

    def test_does_not_change_with_a_permission_that_is_not_the_owners(self, tmp_path: Path) -> None:
        before = read_package(write_tree(tmp_path, FILES)).digest

        (tmp_path / "index.js").chmod(0o611)

        assert read_package(tmp_path).digest == before

    def test_does_not_change_when_everybody_may_do_everything(self, tmp_path: Path) -> None:
        write_tree(tmp_path, FILES | {"run.sh": "#!/bin/sh", "module.so": "\x7fELF", "empty": ""})
        for name in ("run.sh", "module.so"):
            (tmp_path / name).chmod(0o755)
        before = read_package(tmp_path)

        for path in [tmp_path, *tmp_path.rglob("*")]:  # chmod -R 777
            path.chmod(0o777)
        after = read_package(tmp_path)
        (tmp_path / "code.zip").write_bytes(archived_by_zip(tmp_path))

        assert after.files == before.files
        assert after.digest == before.digest
        assert {file.path for file in after.files if file.executable} == {"run.sh", "module.so"}
        assert read_package(tmp_path / "code.zip").digest == before.digest

    @pytest.mark.parametrize(
        ("mode", "executable"),
        [(0o644, False), (0o755, True), (0o664, False), (0o775, True), (0o700, True), (0o677, False)],
    )
    def test_takes_any_other_mode_as_its_owners_word_whatever_the_content(
        self, tmp_path: Path, mode: int, executable: bool
    ) -> None:
        for name, content in {"plain.txt": "x", "run.sh": "#!/bin/sh"}.items():
            (tmp_path / name).write_text(content)
            (tmp_path / name).chmod(mode)

        assert [file.executable for file in read_package(tmp_path).files] == [executable] * 2

    def test_follows_the_content_where_files_have_no_modes(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_tree(tmp_path, {"index.js": "x", "run.sh": "#!/bin/sh"})
        (tmp_path / "run.sh").chmod(0o755)
        before = read_package(tmp_path).digest
        (tmp_path / "run.sh").chmod(0o644)

        monkeypatch.setattr("biot_provider.package.source_file._HAS_MODES", False)  # as on Windows

        assert read_package(tmp_path).digest == before

    def test_follows_the_recipe_that_is_stored_with_deployed_plugins(self) -> None:
        executable = PackageFile("bin/run", 3, "1" * 64, executable=True)
        plain = PackageFile("über.js", 1, "2" * 64, executable=False)

        digest = Package(Path("plugin"), (executable, plain)).digest

        lines = f"bin/run\0x\0{'1' * 64}\nüber.js\0-\0{'2' * 64}\n"
        assert digest == hashlib.sha256(lines.encode()).hexdigest()
        assert digest == "e0a61beb75591da6e1163b34d2f978006086ef0641d8b97705dccaa68f898c62"

    def test_is_the_same_for_a_folder_and_its_zip(self, tmp_path: Path) -> None:
        folder = read_package(write_tree(tmp_path / "folder", FILES))
        (tmp_path / "code.zip").write_bytes(zipped(folder))

        archive = read_package(tmp_path / "code.zip")

        assert archive.digest == folder.digest
        assert zipped(archive) == zipped(folder)


class TestTheFileDigests:
    def test_name_each_file_while_there_are_few(self, tmp_path: Path) -> None:
        write_tree(tmp_path, {"index.js": "x", "src/run": "y"})
        (tmp_path / "src" / "run").chmod(0o755)

        assert read_package(tmp_path).file_digests() == {
            "index.js": hashlib.sha256(b"x").hexdigest()[:16],
            "src/run": hashlib.sha256(b"y").hexdigest()[:16] + "+x",
        }

    def test_fold_deep_and_full_folders_first_when_there_are_many(self) -> None:
        package = package_of(
            "index.js",
            *(f"src/{number}.js" for number in range(10)),
            *(f"src/deep/{number}.js" for number in range(10)),
            *(f"node_modules/pkg{number % 7}/{number}.js" for number in range(700)),
        )

        assert list(package.file_digests()) == [
            "index.js",
            *(f"node_modules/pkg{number}/" for number in range(7)),
            *(f"src/{number}.js" for number in range(10)),
            *sorted(f"src/deep/{number}.js" for number in range(10)),
        ]

    def test_fold_whole_trees_before_any_file_of_the_root(self) -> None:
        package = package_of(
            *(f"{number:02}.js" for number in range(40)),
            *(f"node_modules/pkg{number}/index.js" for number in range(1000)),
        )

        assert list(package.file_digests()) == [*(f"{number:02}.js" for number in range(40)), "node_modules/"]

    def test_fold_what_is_too_much_in_the_root_last_and_files_after_folders(self) -> None:
        package = package_of(
            *(f"{number:02}.js" for number in range(45)), *(f"lib{number:02}/a.py" for number in range(20))
        )

        assert list(package.file_digests()) == [
            "./",
            *(f"{number:02}.js" for number in range(45)),
            *(f"lib{number:02}/" for number in range(4)),
        ]

    @pytest.mark.parametrize("count", [1, 49, 50, 51, 500])
    def test_are_never_too_many_and_lose_no_change(self, count: int) -> None:
        dice = random.Random(count)
        names = {"/".join(dice.choices("abcdefgh", k=dice.randint(0, 4))) + f"/{number}" for number in range(count)}
        package = package_of(*(name.lstrip("/") for name in names))
        before = package.file_digests()
        assert len(before) <= MAX_FILE_DIGESTS

        for index in range(0, count, 7):
            files = list(package.files)
            files[index] = PackageFile(files[index].path, 1, "f" * 64, executable=False)
            after = Package(package.source, tuple(files)).file_digests()

            (changed,) = before.items() - after.items()
            assert list(after) == list(before)
            assert changed[0] == "./" or files[index].path.startswith(changed[0])


class TestTheZip:
    def test_holds_the_files_with_fixed_dates_and_permissions(self, tmp_path: Path) -> None:
        write_tree(tmp_path, FILES)
        (tmp_path / "src" / "a.js").chmod(0o700)

        with zipfile.ZipFile(io.BytesIO(zipped(read_package(tmp_path)))) as archive:
            assert {name: archive.read(name).decode() for name in archive.namelist()} == FILES
            entries = archive.infolist()

        assert [entry.filename for entry in entries] == sorted(FILES)
        assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
        assert {entry.create_system for entry in entries} == {3}
        assert {entry.compress_type for entry in entries} == {zipfile.ZIP_DEFLATED}
        assert {entry.filename: oct(entry.external_attr >> 16) for entry in entries} == {
            name: oct(stat.S_IFREG | (0o755 if name == "src/a.js" else 0o644)) for name in FILES
        }

    def test_goes_to_anything_that_can_be_written(self, tmp_path: Path) -> None:
        package = read_package(write_tree(tmp_path, FILES))
        echo = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())"
        process = subprocess.Popen([sys.executable, "-c", echo], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdin is not None

        package.write_zip(process.stdin)

        assert process.communicate()[0] == zipped(package)

    def test_refuses_a_file_that_changed_since_it_was_read(self, tmp_path: Path) -> None:
        package = read_package(write_tree(tmp_path, FILES))
        (tmp_path / "src" / "a.js").write_text("A")

        with pytest.raises(PackagingError, match=r"src/a\.js changed after the package was read; run it again"):
            zipped(package)

    def test_refuses_a_file_that_went_away(self, tmp_path: Path) -> None:
        package = read_package(write_tree(tmp_path, FILES))
        (tmp_path / "src" / "a.js").unlink()

        with pytest.raises(PackagingError, match=r"src/a\.js went away"):
            zipped(package)

    def test_refuses_a_zip_that_lost_a_file(self, tmp_path: Path) -> None:
        package = read_package(write_archive(tmp_path / "code.zip", {"a.js": "a", "b.js": "b"}))
        write_archive(tmp_path / "code.zip", {"a.js": "a"})

        with pytest.raises(PackagingError, match=r"b\.js went away"):
            zipped(package)


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
        monkeypatch.setattr("biot_provider.package.folder_source._HAS_JUNCTIONS", True)
        monkeypatch.setattr("biot_provider.package.folder_source._entries", _with_junctions)

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


class TestWhatCannotBecomeAPackage:
    def test_a_path_that_does_not_exist(self, tmp_path: Path) -> None:
        with pytest.raises(PackagingError, match=r"missing does not exist: code is the path of a folder or a \.zip"):
            read_package(tmp_path / "missing")

    @pytest.mark.parametrize("address", ["https://me:canary@example.com/a.zip?X-Amz-Signature=canary", "s3://canary/a"])
    def test_an_address_is_named_as_such_and_not_quoted(self, address: str, tmp_path: Path) -> None:
        with pytest.raises(PackagingError) as error:
            read_package(tmp_path / address)
        text = str(error.value)
        assert text.startswith(f"{address.partition('//')[0]}//... is an address, and nothing is downloaded: ")
        assert "canary" not in text

    @pytest.mark.parametrize(
        ("name", "advice"),
        [
            ("index.js", "give the folder that it lies in, {folder}"),
            ("code.tar.gz", "unpack it, and give the folder"),
            ("numb-1.0-py3-none-any.whl", "unpack it, and give the folder"),
        ],
    )
    def test_a_file_that_is_no_zip(self, tmp_path: Path, name: str, advice: str) -> None:
        (tmp_path / name).write_text("x")

        with pytest.raises(PackagingError) as failure:
            read_package(tmp_path / name)

        assert uncoded(str(failure.value)) == (
            f"{tmp_path / name} is neither a folder nor a .zip: code is the path of one of them; "
            + advice.format(folder=tmp_path)
        )

    @pytest.mark.parametrize(("name", "shown"), [("a\0b", r"a\\x00b"), ("a\ud800b", r"a\\ud800b")])
    def test_what_no_path_can_be(self, tmp_path: Path, name: str, shown: str) -> None:
        with pytest.raises(PackagingError, match=f"{shown} is no path: it has a character that none may have"):
            read_package(tmp_path / name)

    def test_is_named_with_its_whole_path(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)

        with pytest.raises(PackagingError, match=f"^{tmp_path}/plugins/missing does not exist"):
            read_package(Path("plugins/missing"))

    def test_is_named_in_one_line_whatever_its_name(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "a\nb")

        with pytest.raises(PackagingError, match=r"a\\nb is a socket, pipe or device"):
            read_package(tmp_path)

    @pytest.mark.parametrize("files", [{}, {"plugin.yaml": "x"}, {"a.js": "x", ".biotignore": "*"}])
    def test_a_folder_with_nothing_to_deploy(self, tmp_path: Path, files: dict[str, str]) -> None:
        write_tree(tmp_path, files)

        with pytest.raises(PackagingError, match="holds nothing to deploy"):
            read_package(tmp_path)

    @pytest.mark.parametrize("name", ["pipe", ".gitignore", ".biotignore"])
    def test_a_pipe(self, tmp_path: Path, name: str) -> None:
        write_tree(tmp_path, FILES)
        os.mkfifo(tmp_path / name)

        with pytest.raises(PackagingError, match=f"{name} is a socket, pipe or device; remove it"):
            read_package(tmp_path)

    def test_a_socket(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)  # A socket's path may have 100 characters.
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("here")

            with pytest.raises(PackagingError, match="here is a socket, pipe or device; remove it"):
                read_package(tmp_path)

    def test_a_file_that_cannot_be_read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write_tree(tmp_path, FILES)

        def refuse(path: str, *args: Any, **options: Any) -> object:
            if path.endswith("a.js"):
                raise PermissionError(13, "Permission denied", path)
            return open(path, *args, **options)  # noqa: PTH123

        # An administrator may read everything, so a mode would not do.
        monkeypatch.setattr("biot_provider.package.source.open", refuse, raising=False)

        with pytest.raises(PackagingError, match=r"src/a\.js cannot be read: Permission denied"):
            read_package(tmp_path)

    def test_a_folder_that_cannot_be_read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write_tree(tmp_path, FILES)
        real_scandir = os.scandir

        def refuse(path: str) -> object:
            if path.endswith("deep"):
                raise PermissionError(13, "Permission denied", path)
            return real_scandir(path)

        monkeypatch.setattr(os, "scandir", refuse)

        with pytest.raises(PackagingError, match="src/deep/ cannot be read: Permission denied"):
            read_package(tmp_path)

    @pytest.mark.parametrize(("name", "shown"), [(b"caf\xe9.txt", r"caf\\xe9\.txt"), (b"caf\xe9", r"caf\\xe9")])
    def test_a_name_that_is_not_utf_8(self, tmp_path: Path, name: bytes, shown: str) -> None:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_text("x")

        with pytest.raises(PackagingError, match=f"the name {shown} is not UTF-8; rename the file"):
            read_package(tmp_path)

    def test_a_name_that_a_zip_reads_as_a_path(self, tmp_path: Path) -> None:
        (tmp_path / "src\\a.js").write_text("x")

        with pytest.raises(PackagingError, match="means something else in a zip"):
            read_package(tmp_path)


class TestAZipAsSource:
    def test_is_taken_as_it_is_without_ignore_rules(self, tmp_path: Path) -> None:
        files = {
            ".gitignore": "*",
            "index.js": "x",
            "lib/": "",
            "lib/a.pyc": "x",
            "plugin.yaml": "x",
        }

        assert paths(write_archive(tmp_path / "Code.ZIP", files)) == [
            ".gitignore",
            "index.js",
            "lib/a.pyc",
            "plugin.yaml",
        ]

    def test_does_not_depend_on_how_it_was_made(self, tmp_path: Path) -> None:
        plain = write_archive(tmp_path / "a.zip", {"a.js": "a", "b.js": "b"})
        other = write_archive(
            tmp_path / "b.zip", {"b.js": "b", "a.js": "a"}, compress_type=zipfile.ZIP_DEFLATED, create_system=0
        )

        assert read_package(plain).digest == read_package(other).digest
        assert zipped(read_package(plain)) == zipped(read_package(other))

    @pytest.mark.parametrize(
        ("system", "mode", "executable"),
        [
            (3, 0o100755, True),
            (3, 0o100655, False),
            (3, 0, False),
            (3, 0o100777, False),
            (0, 0o100755, False),
        ],
    )
    def test_has_executables_when_it_was_made_on_unix(
        self, tmp_path: Path, system: int, mode: int, executable: bool
    ) -> None:
        source = write_archive(tmp_path / "a.zip", {"run": "x"}, create_system=system, external_attr=mode << 16)

        assert read_package(source).files[0].executable is executable

    def test_may_have_utf_8_names_that_are_not_marked_as_such(self, tmp_path: Path) -> None:
        marked = write_archive(tmp_path / "a.zip", {"über.txt": "x"}).read_bytes()
        (tmp_path / "b.zip").write_bytes(without_utf8_mark(marked))

        assert paths(tmp_path / "b.zip") == ["über.txt"]

    def test_with_a_name_in_another_encoding_is_refused(self, tmp_path: Path) -> None:
        marked = write_archive(tmp_path / "a.zip", {"über.txt": "x"}).read_bytes()
        (tmp_path / "b.zip").write_bytes(without_utf8_mark(marked).replace("ü".encode(), b"\xfc\xfc"))

        with pytest.raises(PackagingError, match="is not UTF-8; rename the file"):
            read_package(tmp_path / "b.zip")

    @pytest.mark.parametrize(
        "name", ["../a.js", "a/../../b.js", "/etc/passwd", "a//b.js", "./../a.js", "C:/a.js", "../lib/", "."]
    )
    def test_with_a_name_outside_is_refused(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(PackagingError, match=rf"the name {name!r} is no place within a package"):
            read_package(write_archive(tmp_path / "a.zip", {"index.js": "x", name: ""}))

    def test_with_a_backslash_in_a_name_is_refused_with_what_made_it(self, tmp_path: Path) -> None:
        with pytest.raises(
            PackagingError, match=r"means something else in a zip: .* Compress-Archive .* give the folder"
        ):
            read_package(write_archive(tmp_path / "a.zip", {"src\\a.js": "x"}))

    @pytest.mark.parametrize("dots", ["./", "././"])
    def test_may_have_dots_before_each_name(self, tmp_path: Path, dots: str) -> None:
        plain = read_package(write_archive(tmp_path / "a.zip", {"a.js": "a", "lib/b.js": "b"}))
        dotted = {"./": "", f"{dots}a.js": "a", f"{dots}lib/": "", f"{dots}lib/b.js": "b"}

        package = read_package(write_archive(tmp_path / "b.zip", dotted))

        assert package.digest == plain.digest
        assert zipped(package) == zipped(plain)

    def test_may_be_a_jar(self, tmp_path: Path) -> None:
        jar = write_archive(tmp_path / "app.JAR", {"META-INF/MANIFEST.MF": "x", "com/example/Handler.class": "x"})

        assert paths(jar) == ["META-INF/MANIFEST.MF", "com/example/Handler.class"]

    def test_may_have_been_streamed_with_sizes_of_64_bits(self, tmp_path: Path) -> None:
        class Pipe(io.RawIOBase):
            """What cannot seek makes zipfile write data descriptors."""

            def __init__(self) -> None:
                self.content = b""

            def writable(self) -> bool:
                return True

            def write(self, data: object) -> int:
                self.content += bytes(data)  # type: ignore[call-overload]
                return len(data)  # type: ignore[arg-type]

        pipe = Pipe()
        with zipfile.ZipFile(pipe, "w") as archive, archive.open("a.js", "w", force_zip64=True) as file:
            file.write(b"a")
        (tmp_path / "a.zip").write_bytes(pipe.content)

        package = read_package(tmp_path / "a.zip")

        assert package.digest == read_package(write_tree(tmp_path / "folder", {"a.js": "a"})).digest

    def test_may_have_folders_that_only_their_mode_shows(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            folder = zipfile.ZipInfo("lib")
            folder.external_attr = (stat.S_IFDIR | 0o755) << 16
            archive.writestr(folder, "")
            archive.writestr("lib/a.js", "x")

        assert paths(tmp_path / "a.zip") == ["lib/a.js"]

    def test_may_have_a_file_twice_as_jars_do(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "a.jar", "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("META-INF/LICENSE", "x")
            archive.writestr("META-INF/LICENSE", "x")

        assert paths(tmp_path / "a.jar") == ["META-INF/LICENSE"]

    @pytest.mark.parametrize("second", ["a.js", "./a.js"])
    @pytest.mark.filterwarnings("ignore:Duplicate name")
    def test_with_a_file_twice_with_two_contents_is_refused(self, tmp_path: Path, second: str) -> None:
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.writestr("a.js", "x")
            archive.writestr(second, "y")

        with pytest.raises(PackagingError, match=r"a\.js is in it twice"):
            read_package(tmp_path / "a.zip")

    def test_may_have_names_that_differ_in_case_alone(self, tmp_path: Path) -> None:
        assert paths(write_archive(tmp_path / "a.zip", {"a.js": "x", "A.js": "x"})) == ["A.js", "a.js"]

    def test_with_a_file_that_is_a_folder_too_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(PackagingError, match=r"lib/a\.js lies in a folder that is also a file"):
            read_package(write_archive(tmp_path / "a.zip", {"lib": "x", "lib/a.js": "x"}))

    def test_with_a_link_is_refused(self, tmp_path: Path) -> None:
        source = write_archive(
            tmp_path / "a.zip", {"link": "/etc/passwd"}, create_system=3, external_attr=(stat.S_IFLNK | 0o777) << 16
        )

        with pytest.raises(PackagingError, match="link is a link; zip the folder so that links become files"):
            read_package(source)

    def test_with_an_encrypted_file_is_refused(self, tmp_path: Path) -> None:
        content = bytearray(write_archive(tmp_path / "a.zip", {"a.js": "x"}).read_bytes())
        content[content.index(b"PK\x01\x02") + 8] |= 1
        (tmp_path / "a.zip").write_bytes(content)

        with pytest.raises(PackagingError, match=r"a\.js is encrypted"):
            read_package(tmp_path / "a.zip")

    def test_with_a_rare_compression_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(PackagingError, match=r"a\.js is not compressed by deflate"):
            read_package(write_archive(tmp_path / "a.zip", {"a.js": "x"}, compress_type=zipfile.ZIP_LZMA))

    def test_without_files_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(PackagingError, match="holds nothing to deploy"):
            read_package(write_archive(tmp_path / "a.zip", {"lib/": ""}))

    @pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x05\x06"])
    def test_that_is_none_is_refused(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "a.zip").write_bytes(content)

        with pytest.raises(PackagingError, match=r"a\.zip is damaged, or not a zip"):
            read_package(tmp_path / "a.zip")

    def test_that_is_damaged_anywhere_never_raises_anything_else(self, tmp_path: Path) -> None:
        original = write_archive(
            tmp_path / "a.zip", {"a.js": "a" * 99}, compress_type=zipfile.ZIP_DEFLATED
        ).read_bytes()
        digest = read_package(tmp_path / "a.zip").files[0].digest
        refused = 0
        for place in range(len(original)):
            content = bytearray(original)
            content[place] ^= 0xFF
            (tmp_path / "a.zip").write_bytes(content)
            try:
                package = read_package(tmp_path / "a.zip")
            except PackagingError:
                refused += 1
            else:
                assert package.files[0].digest == digest
        assert refused > len(original) / 3


class TestLimits:
    def test_are_those_of_aws_lambda(self) -> None:
        assert MAX_ZIPPED_BYTES == 52_428_800
        assert MAX_UNZIPPED_BYTES == 262_144_000

    def test_unzipped_is_refused_naming_the_limit_and_the_biggest_files(self, tmp_path: Path) -> None:
        write_tree(tmp_path, {"small.js": "x", **{f"m{number}.bin": "x" * (number << 20) for number in range(1, 7)}})

        with pytest.raises(PackagingError) as failure:
            read_package(tmp_path, limit=2 << 20)

        assert uncoded(str(failure.value)) == (
            f"{tmp_path}: the package has 21 MB unzipped, over AWS Lambda's limit of 2 MB; the biggest files are "
            "m6.bin (6 MB), m5.bin (5 MB), m4.bin (4 MB), m3.bin (3 MB), m2.bin (2 MB); "
            "name in .biotignore what is not needed, or deploy the plugin as an image"
        )

    def test_unzipped_is_refused_before_anything_is_read(self, tmp_path: Path) -> None:
        with (tmp_path / "huge.bin").open("wb") as file:
            file.truncate(MAX_UNZIPPED_BYTES + 1)
        write_tree(tmp_path, {"index.js": "x"})

        with pytest.raises(
            PackagingError, match=r"over AWS Lambda's limit of 250 MB; the biggest files are huge\.bin \(250 MB\)"
        ):
            read_package(tmp_path)

    def test_unzipped_may_be_reached(self, tmp_path: Path) -> None:
        write_tree(tmp_path, {"a": "x" * 60, "b": "x" * 40})

        assert read_package(tmp_path, limit=100).size == 100
        with pytest.raises(PackagingError):
            read_package(tmp_path, limit=99)

    def test_a_zip_that_unpacks_to_too_much_is_refused(self, tmp_path: Path) -> None:
        source = write_archive(tmp_path / "a.zip", {"zeros": b"\0" * (5 << 20)}, compress_type=zipfile.ZIP_DEFLATED)
        assert source.stat().st_size < 10_000

        with pytest.raises(PackagingError, match=r"the biggest files are zeros \(5 MB\); leave out what is not needed"):
            read_package(source, limit=1 << 20)

    def test_a_file_that_gives_more_than_it_announced_is_not_read_to_its_end(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "endless").write_text("x")
        reads: list[int] = []

        class Endless(io.BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                assert size is not None
                assert size > 0
                reads.append(size)
                return bytes(size)

        monkeypatch.setattr("biot_provider.package.source.open", lambda *_, **__: Endless(), raising=False)

        with pytest.raises(PackagingError, match="the biggest files are endless"):
            read_package(tmp_path, limit=1 << 20)
        assert sum(reads) <= 2 << 20

    def test_zipped_is_named_with_the_biggest_files(self, tmp_path: Path) -> None:
        (tmp_path / "noise.bin").write_bytes(random.Random(1).randbytes(3 << 20))
        write_tree(tmp_path, {"index.js": "x"})

        problem = zipped_size_problem(read_package(tmp_path), limit=1 << 20)

        assert problem == (
            f"{tmp_path}: the package has 3 MB zipped, over AWS Lambda's limit of 1 MB; the biggest files are "
            "noise.bin (3 MB), index.js (1 byte); "
            "name in .biotignore what is not needed, or deploy the plugin as an image"
        )

    def test_zipped_is_what_the_zip_has_and_not_what_is_in_it(self, tmp_path: Path) -> None:
        write_tree(tmp_path, {"zeros": "0" * (3 << 20)})

        assert zipped_size_problem(read_package(tmp_path), limit=1 << 20) is None

    def test_zipped_costs_nothing_for_a_package_that_cannot_pass_it(self, tmp_path: Path) -> None:
        package = read_package(write_tree(tmp_path, FILES))
        for path in FILES:
            (tmp_path / path).unlink()  # Whoever compresses now, fails.

        assert zipped_size_problem(package) is None

    @pytest.mark.parametrize("size", [0, 1, 5_000, 40_000])
    def test_zipped_is_never_guessed_too_small(self, tmp_path: Path, size: int) -> None:
        for number in range(20):
            (tmp_path / f"{'long-' * 20}{number}").write_bytes(random.Random(number).randbytes(size))
        package = read_package(tmp_path)

        assert zipped_size_problem(package, limit=len(zipped(package)) - 1) is not None
        assert zipped_size_problem(package, limit=len(zipped(package))) is None


def archived_by_zip(folder: Path) -> bytes:
    """The folder zipped with the files' own modes, as zip and Python's shutil do it."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for path in folder.rglob("*"):
            archive.write(path, path.relative_to(folder))
    return target.getvalue()


def without_utf8_mark(archive: bytes) -> bytes:
    content = bytearray(archive)
    for signature, offset in ((b"PK\x03\x04", 7), (b"PK\x01\x02", 9)):
        content[content.index(signature) + offset] &= ~0x08
    return bytes(content)
