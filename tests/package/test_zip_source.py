"""A .zip as the source of a package."""

from __future__ import annotations

import io
import stat
import zipfile
from pathlib import Path

import pytest

from biot_provider.errors import PackagingError
from biot_provider.package.package import read_package

from .archives import paths, write_archive, zipped
from .trees import write_tree


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


def without_utf8_mark(archive: bytes) -> bytes:
    content = bytearray(archive)
    for signature, offset in ((b"PK\x03\x04", 7), (b"PK\x01\x02", 9)):
        content[content.index(signature) + offset] &= ~0x08
    return bytes(content)
