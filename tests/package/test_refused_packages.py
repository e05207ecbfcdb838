"""What cannot become a package, and the limits of size."""

from __future__ import annotations

import io
import os
import random
import socket
import zipfile
from pathlib import Path
from typing import Any

import pytest

from biot_provider.errors import PackagingError
from biot_provider.package.limits import MAX_UNZIPPED_BYTES, MAX_ZIPPED_BYTES
from biot_provider.package.package import read_package, zipped_size_problem

from ..uncoded import uncoded
from .archives import FILES, write_archive, zipped
from .trees import write_tree


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
