"""The .zip that is sent: every reader opens it, whatever is in it, and one that was kept is the one that is sent."""

from __future__ import annotations

import hashlib
import io
import os
import random
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

import biot_provider
from biot_provider.errors import PackagingError
from biot_provider.package import known_files
from biot_provider.package.package import Package, package_to_deploy, read_package, reread_package, zipped_size_problem
from biot_provider.package.zips import kept_zips
from biot_provider.package.zips.kept_zips import keep_zip, kept_zip
from biot_provider.package.zips.writer import ZipWriter

from .trees import write_tree

FILES: dict[str, str | bytes] = {
    "index.js": "exports.handler = 1\n" * 1000,
    "empty": "",
    "noise.bin": random.Random(1).randbytes(300_000),
    "über/naïve ✓.txt": "ü",
    "bin/run": "#!/bin/sh\n",
}
BIG = random.Random(2).randbytes(30_000) * 300
"""More than is compressed as a whole."""

# As AWS's and others' readers in JavaScript do: from the directory at the end, and along the entries from the front.
READ_BY_NODE = """\
const fs = require("fs"), zlib = require("zlib"), crypto = require("crypto")
const zip = fs.readFileSync(process.argv[1])
const end = zip.length - 22
if (zip.readUInt32LE(end) !== 0x06054b50) throw "no end"
let at = zip.readUInt32LE(end + 16)
for (let count = zip.readUInt16LE(end + 10); count--; ) {
  const [flags, method] = [zip.readUInt16LE(at + 8), zip.readUInt16LE(at + 10)]
  const [packed, size] = [zip.readUInt32LE(at + 20), zip.readUInt32LE(at + 24)]
  const [name, extra] = [zip.readUInt16LE(at + 28), zip.readUInt16LE(at + 30)]
  const head = zip.readUInt32LE(at + 42)
  if (zip.readUInt32LE(head) !== 0x04034b50) throw "no entry"
  const start = head + 30 + zip.readUInt16LE(head + 26) + zip.readUInt16LE(head + 28)
  const raw = zip.subarray(start, start + packed)
  const content = method === 8 ? zlib.inflateRawSync(raw) : raw
  if (content.length !== size) throw "another size"
  const text = zip.toString(flags & 0x800 ? "utf8" : "ascii", at + 46, at + 46 + name)
  console.log(crypto.createHash("sha256").update(content).digest("hex") + " " + text)
  at += 46 + name + extra
}
"""


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that nothing is known of, with a cache of its own."""
    monkeypatch.setenv("BIOT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(known_files, "_MEMORY", {})
    folder = write_tree(tmp_path / "code", FILES)
    (folder / "bin/run").chmod(0o755)
    time.sleep(0.05)
    return folder


@pytest.fixture
def archive(code: Path, tmp_path: Path) -> Path:
    """The folder's .zip, a big file in it too."""
    (code / "big.bin").write_bytes(BIG)
    with (tmp_path / "code.zip").open("wb") as target:
        size = read_package(code).write_zip(target)
    assert (tmp_path / "code.zip").stat().st_size == size
    return tmp_path / "code.zip"


def written(package: Package) -> bytes:
    """The .zip as it is written without the cache."""
    target = io.BytesIO()
    package.write_zip(target)
    return target.getvalue()


def kept(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "cache/zipped").glob("*"))


class TestEveryReader:
    def test_of_python(self, archive: Path) -> None:
        with zipfile.ZipFile(archive) as read:
            assert read.testzip() is None
            assert {name: read.read(name) for name in read.namelist()} == {
                path: text if isinstance(text, bytes) else text.encode()
                for path, text in [*FILES.items(), ("big.bin", BIG)]
            }

    def test_info_zips_unzip(self, archive: Path, code: Path, tmp_path: Path) -> None:
        assert shutil.which("unzip")
        environment = os.environ | {"LC_ALL": "C.UTF-8"}
        subprocess.run(["unzip", "-q", str(archive), "-d", str(tmp_path / "out")], check=True, env=environment)
        assert read_package(tmp_path / "out") == Package(tmp_path / "out", read_package(code).files)
        assert (tmp_path / "out/bin/run").stat().st_mode & 0o777 == 0o755

    def test_in_javascript(self, archive: Path, code: Path) -> None:
        done = subprocess.run(["node", "-e", READ_BY_NODE, str(archive)], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines() == [f"{file.digest} {file.path}" for file in read_package(code).files]

    def test_of_more_files_than_an_old_zip_can_count(self, tmp_path: Path) -> None:
        path = tmp_path / "many.zip"
        with path.open("wb") as target:
            writer = ZipWriter(target)
            packed = writer.pack(b"x")
            for number in range(70_000):
                writer.add(f"{number}.txt", packed, executable=False)
            assert writer.finish() == target.tell()
        with zipfile.ZipFile(path) as read:
            assert len(read.namelist()) == 70_000
            assert read.read("69999.txt") == b"x"
        assert subprocess.run(["unzip", "-tq", str(path)], capture_output=True, check=False).returncode == 0


def test_it_is_smaller_than_info_zips(code: Path, tmp_path: Path) -> None:
    assert shutil.which("zip")
    shutil.copytree(Path(biot_provider.__file__).parent, code, dirs_exist_ok=True)
    package = read_package(code)
    subprocess.run(
        ["zip", "-qr", str(tmp_path / "theirs.zip"), *(file.path for file in package.files)], cwd=code, check=True
    )
    with package.zip() as ours:
        assert len(ours.read()) < (tmp_path / "theirs.zip").stat().st_size


class TestWhatIsKept:
    def test_is_zipped_while_it_is_read_and_sent_as_it_is(self, code: Path, tmp_path: Path) -> None:
        package = package_to_deploy(code, None)

        assert package == read_package(code)
        (path,) = kept(tmp_path)
        with package.zip() as file:
            assert file.read() == path.read_bytes() == written(package)
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700

    def test_is_nothing_where_the_package_is_deployed_already(self, code: Path, tmp_path: Path) -> None:
        package = package_to_deploy(code, read_package(code).digest)
        assert package == read_package(code)
        assert kept(tmp_path) == []

    def test_is_not_sent_when_it_is_damaged(self, code: Path, tmp_path: Path) -> None:
        package = package_to_deploy(code, None)
        (path,) = kept(tmp_path)
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        with package.zip() as file:
            assert file.read() == written(package)
        assert kept(tmp_path) == []

    @pytest.mark.parametrize("who", ["another's", "open to all"])
    def test_is_not_sent_when_another_user_can_have_put_it_there(
        self, code: Path, tmp_path: Path, who: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        package = package_to_deploy(code, None)
        (path,) = kept(tmp_path)
        path.unlink()
        theirs = b"PK: other code"
        planted = path.with_name(f"{package.digest}-{hashlib.sha256(theirs).hexdigest()}.zip")
        planted.write_bytes(theirs)
        planted.chmod(0o600)
        if who == "another's":
            monkeypatch.setattr(os, "geteuid", lambda: planted.stat().st_uid + 1)
        else:
            planted.chmod(0o666)
        with package.zip() as file:
            assert file.read() == written(package)

    @pytest.mark.parametrize("trouble", ["no folder", "no home", "full"])
    def test_may_be_nothing_at_all(
        self, code: Path, tmp_path: Path, trouble: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if trouble == "full":
            monkeypatch.setattr(kept_zips, "_MAX_BYTES", -1)
        elif trouble == "no home":
            monkeypatch.setenv("BIOT_CACHE_DIR", "~nobody-of-that-name/cache")
        else:
            monkeypatch.setenv("BIOT_CACHE_DIR", str(code / "index.js/cache"))
        package = package_to_deploy(code, None)
        with package.zip() as file:
            assert file.read() == written(package)
        assert kept(tmp_path) == []

    def test_without_room_for_a_zip_it_is_one_line(self, code: Path, tmp_path: Path) -> None:
        (code / "big.bin").write_bytes(os.urandom(100_000))
        program = (
            "import resource, sys; from pathlib import Path; from biot_provider.package.package import read_package\n"
            "package = read_package(Path(sys.argv[1]))\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))\n"
            "try:\n    with package.zip(): pass\n"
            "except Exception as error: print(type(error).__name__, error)\n"
        )
        environment = {**os.environ, "TMPDIR": str(tmp_path)}
        run = subprocess.run(
            [sys.executable, "-c", program, str(code)], env=environment, capture_output=True, text=True, check=True
        )
        assert run.stdout == (
            f"PackagingError {tmp_path} has no room for temporary files (File too large)."
            " What to do: make room there, or set TMPDIR to another folder [BIOT-3121]\n"
        )

    def test_goes_after_an_hour(self, code: Path, tmp_path: Path) -> None:
        package = package_to_deploy(code, None)
        (path,) = kept(tmp_path)
        os.utime(path, (time.time() - 3601,) * 2)
        keep_zip(lambda target: f"{target.checksum.block_size}")
        assert kept_zip(package.digest) is None

    def test_leaves_nothing_of_one_that_was_not_finished(self, code: Path, tmp_path: Path) -> None:
        def stop(_target: object) -> str:
            raise PackagingError("stopped", "BIOT-3120")

        with pytest.raises(PackagingError, match="stopped"):
            keep_zip(stop)
        assert kept(tmp_path) == []

    def test_says_how_big_it_is_without_compressing_again(self, code: Path, tmp_path: Path) -> None:
        package = package_to_deploy(code, None)
        (path,) = kept(tmp_path)
        shutil.rmtree(code)
        code.mkdir()  # whoever reads now, fails
        assert zipped_size_problem(package, limit=path.stat().st_size) is None
        assert zipped_size_problem(package, limit=path.stat().st_size - 1) is not None


class Sips(io.BytesIO):
    """A file that gives less at a time than there is."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(5, size if size is not None and size >= 0 else 5))


def test_a_read_that_gives_less_than_there_is_cuts_no_file(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = read_package(code)
    monkeypatch.setattr(
        "biot_provider.package.source.open", lambda path, *_, **__: Sips(Path(path).read_bytes()), raising=False
    )
    assert package_to_deploy(code, None) == package
    assert zipfile.ZipFile(io.BytesIO(written(package))).testzip() is None


class TestBetweenCheckAndCreate:
    def test_a_file_that_changed_is_an_error_and_the_next_run_finds_it(self, code: Path) -> None:
        package = package_to_deploy(code, read_package(code).digest)
        (code / "index.js").write_text("changed")
        with pytest.raises(PackagingError, match=r"index\.js changed after the package was read; run it again"):
            package.zip().__enter__()
        assert package_to_deploy(code, package.digest).digest == read_package(code).digest != package.digest

    def test_what_was_wrongly_known_is_never_sent_and_is_known_no_more(self, code: Path) -> None:
        package = package_to_deploy(code, read_package(code).digest)
        index = next(file for file in package.files if file.path == "index.js")
        for known in known_files._MEMORY.values():  # as if the file had changed without a trace
            its_stamp, file = known["index.js"]
            known["index.js"] = (its_stamp, type(file)(file.path, file.size, "0" * 64, executable=False))
        wrong = package_to_deploy(code, "anything")
        assert wrong.digest != package.digest
        with pytest.raises(PackagingError, match="changed after the package was read"):
            wrong.zip().__enter__()
        assert package_to_deploy(code, "anything") == package
        assert index.digest == hashlib.sha256((code / "index.js").read_bytes()).hexdigest()

    def test_what_is_known_of_a_damaged_archive_is_known_no_more(self, archive: Path) -> None:
        time.sleep(0.05)
        package = package_to_deploy(archive, "anything")
        content = bytearray(archive.read_bytes())
        content[len(content) // 2] ^= 1
        archive.write_bytes(content)
        time.sleep(0.05)
        now = known_files.stamp(archive.stat(), time.time_ns())
        assert now is not None
        for known in known_files._MEMORY.values():  # as on a disk that loses a bit
            known |= {path: (now, file) for path, (_, file) in known.items()}
        assert reread_package(archive) == package
        with pytest.raises(PackagingError):
            package.write_zip(io.BytesIO())
        with pytest.raises(PackagingError, match="damaged"):
            reread_package(archive)
