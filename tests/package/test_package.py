"""What a package is, what its digest depends on, and what cannot become one."""

from __future__ import annotations

import hashlib
import io
import os
import random
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from biot_provider.errors import PackagingError
from biot_provider.package.package import MAX_FILE_DIGESTS, Package, read_package
from biot_provider.package.source_file import PackageFile

from .archives import FILES, paths, write_archive, zipped
from .trees import write_tree


def package_of(*paths: str) -> Package:
    return Package(
        Path("plugin"),
        tuple(
            PackageFile(path, 1, hashlib.sha256(path.encode()).hexdigest(), executable=False) for path in sorted(paths)
        ),
    )


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


def archived_by_zip(folder: Path) -> bytes:
    """The folder zipped with the files' own modes, as zip and Python's shutil do it."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for path in folder.rglob("*"):
            archive.write(path, path.relative_to(folder))
    return target.getvalue()
