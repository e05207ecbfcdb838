"""The digest of a context, and what of it a builder gets."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from biot_provider.errors import ImageError
from biot_provider.image.dockerfile.context import BuildContext, read_context
from biot_provider.image.dockerfile.staged import Staged, stage


def write(folder: Path) -> Path:
    for path, text in {"Dockerfile": "FROM scratch\nCOPY . /\n", "src/a.py": "a", "b.txt": "b", "run.sh": "r"}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    (folder / "run.sh").chmod(0o755)
    (folder / "link").symlink_to("b.txt")
    (folder / "empty").mkdir()
    return folder


def digest(folder: Path, dockerfile: str | None = None, target: str | None = None, **build_args: str) -> str:
    return read_context(folder, dockerfile).digest(build_args=build_args, target=target)


def staged(context: BuildContext, folder: Path) -> Staged:
    folder.mkdir()
    return stage(context, folder)


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def replace_link(folder: Path) -> None:
    (folder / "link").unlink()
    (folder / "link").symlink_to("run.sh")


CHANGES: dict[str, Callable[[Path], object]] = {
    "content": lambda folder: (folder / "src/a.py").write_text("A"),
    "executable": lambda folder: (folder / "b.txt").chmod(0o755),
    "no longer executable": lambda folder: (folder / "run.sh").chmod(0o644),
    "a new file": lambda folder: (folder / "src/c.py").write_text(""),
    "a new empty folder": lambda folder: (folder / "src/new").mkdir(),
    "a file gone": lambda folder: (folder / "b.txt").unlink(),
    "a name": lambda folder: (folder / "b.txt").rename(folder / "c.txt"),
    "where a link leads": replace_link,
    "the Dockerfile": lambda folder: (folder / "Dockerfile").write_text("FROM scratch\nCOPY src /\n"),
    "the Dockerfile, left out of the context": lambda folder: (
        (folder / ".dockerignore").write_text("Dockerfile\n.dockerignore\n"),
        (folder / "Dockerfile").write_text("FROM scratch\n"),
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_digest_changes_with(change: Callable[[Path], object], tmp_path: Path) -> None:
    folder = write(tmp_path)
    before = digest(folder)
    change(folder)
    assert digest(folder) != before


def test_the_digest_changes_with_build_arguments_and_target(tmp_path: Path) -> None:
    folder = write(tmp_path)
    digests = [digest(folder), digest(folder, A="1"), digest(folder, A="2"), digest(folder, B="1")]
    digests += [digest(folder, target="one"), digest(folder, target="two")]
    assert len(set(digests)) == len(digests)


def test_the_digest_stays_in_another_place_with_other_times_order_and_umask(tmp_path: Path) -> None:
    with umask(0o022):
        one = write(tmp_path / "one")
    with umask(0o077):
        (tmp_path / "two/src").mkdir(parents=True)
        (tmp_path / "two/link").symlink_to("b.txt")
        two = write_rest(tmp_path / "two")
    os.utime(two / "b.txt", (1, 1))
    assert digest(one) == digest(two)


def write_rest(folder: Path) -> Path:
    (folder / "link").unlink()
    return write(folder)


def test_the_digest_stays_when_only_a_file_that_is_left_out_changes(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / ".dockerignore").write_text("*.log\n")
    before = digest(folder)
    (folder / "x.log").write_text("x")
    assert digest(folder) == before


@pytest.mark.parametrize("rules", ["", "!.biot\n!.venv\n", "*\n!.biot\n!src/.pulumi\n"])
def test_our_own_working_folders_never_count(rules: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "context")
    (folder / ".dockerignore").write_text(rules)
    before = read_context(folder)
    for path in (
        ".biot/local/keys.json",
        ".pulumi/stacks/dev.json",
        ".venv/bin/python",
        "src/.pulumi/a",
        "src/.venv/b",
    ):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("x")
    assert read_context(folder) == before


def test_the_digest_stays_when_everybody_may_do_everything(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / "run.sh").write_text("#!/bin/sh\n")
    before = digest(folder)
    for path in [folder, *folder.rglob("*")]:  # chmod -R 777
        path.chmod(0o777)
    assert digest(folder) == before


def test_a_dockerfile_may_lie_outside_of_the_context(tmp_path: Path) -> None:
    folder = write(tmp_path / "docker/context")
    (tmp_path / "docker/Dockerfile").write_text("FROM scratch\nCOPY src /\n")
    (tmp_path / "docker/Dockerfile.dockerignore").write_text("b.txt\n")
    context = read_context(folder, "../Dockerfile")
    assert context.dockerfile == tmp_path / "docker/Dockerfile"
    assert "b.txt" not in {entry.path for entry in context.entries}
    assert {"Dockerfile", "../Dockerfile"} <= set(context.file_digests())
    assert digest(folder, "../Dockerfile") == digest(folder, str(tmp_path / "docker/Dockerfile"))
    out = staged(context, tmp_path / "out")
    assert out.dockerfile.read_text() == "FROM scratch\nCOPY src /\n"
    assert (out.context / "Dockerfile").read_text() == "FROM scratch\nCOPY . /\n"
    with tarfile.open(out.tar()) as archive:
        assert not [name for name in archive.getnames() if ".." in name]
        assert archive.extractfile(out.name).read() == b"FROM scratch\nCOPY src /\n"  # type: ignore[union-attr]


def test_what_is_missing_is_named_with_its_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ImageError, match=f"^{tmp_path}/absent is no folder"):
        read_context(Path("absent"))


def test_a_builder_gets_the_files_that_were_hashed_with_modes_of_their_own(tmp_path: Path) -> None:
    folder = write(tmp_path / "context")
    (folder / ".dockerignore").write_text("Dockerfile\n")
    context = read_context(folder)
    with umask(0o077):
        out = staged(context, tmp_path / "out")
    again = read_context(out.context, "../Dockerfile")
    assert {path: again.file_digests()[path] for path in context.file_digests()} == context.file_digests()
    assert {entry.path for entry in again.entries} == {entry.path for entry in context.entries}
    modes = {path.relative_to(out.context).as_posix(): path.lstat().st_mode & 0o777 for path in out.context.rglob("*")}
    assert (modes["src"], modes["src/a.py"], modes["run.sh"], modes["empty"]) == (0o755, 0o644, 0o755, 0o755)
    assert {path.lstat().st_mtime for path in out.context.rglob("*")} == {315532800}


def test_a_file_that_changes_after_it_was_read_is_named(tmp_path: Path) -> None:
    context = read_context(write(tmp_path / "context"))
    (tmp_path / "context/src/a.py").write_text("later")
    with pytest.raises(ImageError, match=r"src/a\.py changed after it was read; run it again"):
        staged(context, tmp_path / "out")


def test_the_changed_files_have_names_and_the_dockerfile_is_among_them(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / ".dockerignore").write_text("Dockerfile\n")
    assert set(read_context(folder).file_digests()) == {
        ".dockerignore", "Dockerfile", "b.txt", "link", "run.sh", "src/a.py",
    }  # fmt: skip


def test_many_files_are_folded_by_folder(tmp_path: Path) -> None:
    folder = write(tmp_path)
    for number in range(200):
        (folder / "src" / f"{number}.py").write_text("")
    digests = read_context(folder).file_digests()
    assert len(digests) <= 51
    assert "src/" in digests


@pytest.mark.parametrize(
    ("dockerfile", "text"),
    [
        (None, "is no folder: context is the path of a folder with a Dockerfile"),
        ("prod.Dockerfile", "prod.Dockerfile is not there: an image is built from a Dockerfile"),
        ("a\0b", "a\\x00b is not there: an image is built from a Dockerfile"),
        ("x" * 5000, "x is not there: an image is built from a Dockerfile"),
    ],
)
def test_what_is_missing_is_named_in_one_line(dockerfile: str | None, text: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "context") if dockerfile else tmp_path / "absent"
    with pytest.raises(ImageError) as caught:
        read_context(folder, dockerfile)
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_pipe_in_the_context_is_named(tmp_path: Path) -> None:
    os.mkfifo(write(tmp_path) / "src/pipe")
    with pytest.raises(ImageError, match=r"src/pipe is a socket, pipe or device; remove it or name it in"):
        read_context(tmp_path)


def test_ignore_rules_are_utf_8_whatever_the_machine_s_encoding(tmp_path: Path) -> None:
    (write(tmp_path) / ".dockerignore").write_bytes("# für\nb.txt\n".encode())
    code = "import pathlib, sys; from biot_provider.image.dockerfile.context import read_context\n"
    code += "print(*(entry.path for entry in read_context(pathlib.Path(sys.argv[1])).entries))"
    other = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    listed = subprocess.run([sys.executable, "-c", code, tmp_path], env=other, capture_output=True, text=True)
    assert listed.stdout.split() == [".dockerignore", "Dockerfile", "empty", "link", "run.sh", "src/a.py"]
