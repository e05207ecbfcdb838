"""What of a context counts, against what real builders copy of it."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest

from biot_provider.errors import ImageError
from biot_provider.image.dockerfile.context import read_context

from ..servers import run

TREE = (
    "Dockerfile",
    "a.log",
    "b.txt",
    "docs/guide.md",
    "docs/readme.md",
    "docs/deep/er/readme.md",
    "docs/deep/note.txt",
    "node_modules/x/index.js",
    "src/main.py",
    "src/a.log",
    "src/test/a.log",
    "src/[x].txt",
    "src/sp ace.txt",
    "x1.bin",
    "x2.bin",
    "x9.bin",
    "build.d/out",
    "buildxd/out",
)

RULES = {
    "nothing": ("", ""),
    "a file": ("a.log", "a.log"),
    "a file of any folder is another": ("readme.md", ""),
    "a star stays in its folder": ("*.log", "a.log"),
    "a star in a folder": ("src/*.log", "src/a.log"),
    "a star for a folder": ("*/a.log", "src/a.log"),
    "two stars for folders": ("*/*/a.log", "src/test/a.log"),
    "any depth": ("**/*.log", "a.log, src/a.log, src/test/a.log"),
    "any depth by name": ("**/readme.md", "docs/deep/er/readme.md, docs/readme.md"),
    "a folder": ("node_modules", "node_modules/"),
    "a folder with a slash at its end": ("docs/", "docs/"),
    "a slash at the beginning": ("/src", "src/"),
    "dots in a path": ("./docs/../src/main.py", "src/main.py"),
    "slashes in a row": ("src//main.py", "src/main.py"),
    "what is below a folder": ("docs/**", "docs/"),
    "all but one": ("**\n!b.txt", "only b.txt"),
    "between two names": ("docs/**/readme.md", "docs/deep/er/readme.md, docs/readme.md"),
    "a question mark": ("x?.bin", "x1.bin, x2.bin, x9.bin"),
    "a range": ("x[1-2].bin", "x1.bin, x2.bin"),
    "a range that is not": ("x[^1-2].bin", "x9.bin"),
    "an escaped bracket": ("src/\\[x\\].txt", "src/[x].txt"),
    "a blank in a name": ("src/sp ace.txt", "src/sp ace.txt"),
    "a dot is a dot": ("build.d", "build.d/"),
    "comments and blank lines": ("# docs\n\n   \ndocs\n#src\n", "docs/"),
    "a comment is one from the line's beginning": (" #src\nb.txt", "b.txt"),
    "blanks around": ("   docs   ", "docs/"),
    "taken back": ("*.log\n!a.log", ""),
    "taken back, and left out again": ("*.log\n!a.log\n*.log", "a.log"),
    "nothing but": ("*\n!src", "only src/"),
    "nothing but a file in a folder": ("*\n!src/main.py", "only src/main.py"),
    "nothing but a deep file": ("*\n!docs/deep/er/readme.md", "only docs/deep/er/readme.md"),
    "nothing but what is below a folder": ("*\n!docs/**", "only docs/"),
    "nothing but a kind of file": ("docs/*\n!docs/*.md", "docs/deep/"),
    "all of a folder but one in it": (
        "docs\n!docs/deep/note.txt",
        "docs/deep/er/readme.md, docs/guide.md, docs/readme.md",
    ),
    "no order but the last": ("!docs\ndocs", "docs/"),
    "the Dockerfile": ("Dockerfile", "Dockerfile"),
    "the rules": (".dockerignore", ".dockerignore"),
    "windows line ends": ("docs\r\na.log\r\n", "a.log, docs/"),
    "no line end": ("a.log\nb.txt", "a.log, b.txt"),
    "a byte order mark": ("\ufeffa.log", "a.log"),
}

DOCKER_RULES = {
    # Older buildah takes the blanks for part of the name.
    "taken back with blanks": ("docs\n!  docs/guide.md", "docs/deep/, docs/readme.md"),
}
"""Rules, and the files that they leave out; `only` before those that are left, and a folder's name for all in it."""


def tree(folder: Path, rules: str) -> Path:
    for path in TREE:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(path)
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    (folder / "empty").mkdir()
    (folder / "link").symlink_to("b.txt")
    (folder / ".dockerignore").write_bytes(rules.encode())
    return folder


def members(archive: Path) -> set[str]:
    """The files and links of a layer, and its empty folders."""
    with tarfile.open(archive) as layer:
        found = {member.name.strip("/").removeprefix("./"): member.isdir() for member in layer}
    return {name for name, folder in found.items() if not folder or not any(n.startswith(f"{name}/") for n in found)}


def copied_by_buildah(folder: Path, scratch: Path, environment: dict[str, str]) -> set[str]:
    name = f"localhost/{scratch.name.lower()}"
    run("buildah", "build", "-q", "--format", "docker", "--tag", name, str(folder), env=environment)
    run("buildah", "push", "-q", name, f"dir:{scratch / 'image'}", env=environment)
    return only_layer(scratch / "image")


def copied_by_docker(folder: Path, scratch: Path, environment: dict[str, str]) -> set[str]:
    name = scratch.name.lower()
    run("docker", "build", "-q", "--tag", name, str(folder), env=environment)
    run("docker", "save", "-o", str(scratch / "image.tar"), name, env=environment)
    run("skopeo", "copy", "-q", f"docker-archive:{scratch / 'image.tar'}", f"dir:{scratch / 'image'}", env=environment)
    return only_layer(scratch / "image")


def only_layer(image: Path) -> set[str]:
    (layer,) = (
        path for path in image.iterdir() if path.name not in ("version", "manifest.json") and tarfile.is_tarfile(path)
    )
    return members(layer)


def counted(folder: Path) -> set[str]:
    return {entry.path for entry in read_context(folder).entries}


ALL = (*TREE, ".dockerignore")


@pytest.mark.parametrize(("rules", "left_out"), (RULES | DOCKER_RULES).values(), ids=RULES | DOCKER_RULES)
def test_what_counts_is_what_the_rules_leave(rules: str, left_out: str, tmp_path: Path) -> None:
    names = tuple(left_out.removeprefix("only ").split(", "))
    folders = tuple(name for name in names if name.endswith("/"))
    named = {path for path in ALL if path in names or path.startswith(folders)}
    expected = named if left_out.startswith("only ") else set(ALL) - named
    assert counted(tree(tmp_path, rules)) & set(ALL) == expected


@pytest.mark.parametrize("rules", [rules for rules, _ in RULES.values()], ids=RULES)
def test_what_counts_is_what_buildah_copies(rules: str, tmp_path: Path, builder_environment: dict[str, str]) -> None:
    folder = tree(tmp_path / "context", rules)
    assert counted(folder) == copied_by_buildah(folder, tmp_path, builder_environment)


@pytest.mark.parametrize("rules", [rules for rules, _ in (RULES | DOCKER_RULES).values()], ids=RULES | DOCKER_RULES)
def test_what_counts_is_what_docker_copies(rules: str, tmp_path: Path, dockerd: str) -> None:
    folder = tree(tmp_path / "context", rules)
    environment = {**os.environ, "DOCKER_HOST": dockerd, "DOCKER_BUILDKIT": "0"}
    assert counted(folder) == copied_by_docker(folder, tmp_path, environment)


def test_taking_back_at_any_depth_reaches_into_folders_left_out_as_documented(tmp_path: Path) -> None:
    # buildah and older Docker do not look into a folder that no `!` names from the root.
    assert counted(tree(tmp_path, "*\n!**/readme.md")) == {"docs/readme.md", "docs/deep/er/readme.md"}


@pytest.mark.parametrize(
    ("rules", "opened"),
    [
        ("*", False),
        ("*\n!src", False),
        ("*\n!readme.md", False),
        ("*\n!documents/a.md", False),
        ("*\n!do/a.md", False),
        ("*\n!docs/a.md", True),
        ("*\n!./docs/deep/er/readme.md", True),
        ("*\n!docs/**", True),
        ("*\n!d?cs/a.md", True),
        ("*\n!*/a.md", True),
        ("*\n!s*/a.md", False),
        ("*\n!**/a.md", True),
        ("*\n![a/d]ocs/a.md", True),
    ],
)
def test_a_folder_that_is_left_out_is_opened_only_for_a_pattern_that_begins_with_it(
    rules: str, opened: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    scandir = os.scandir

    def noted(path: Path) -> object:
        seen.append(Path(path).name)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", noted)
    read_context(tree(tmp_path, rules))
    # Whatever is in such a folder, a database that nobody may read or a pipe, is no matter of the build.
    assert ("docs" in seen) is opened


def test_the_rules_of_a_dockerfile_win_over_those_of_the_context(tmp_path: Path) -> None:
    folder = tree(tmp_path, "src")
    (folder / "other.Dockerfile").write_text("FROM scratch\n")
    (folder / "other.Dockerfile.dockerignore").write_text("docs\n")
    paths = {entry.path for entry in read_context(folder, "other.Dockerfile").entries}
    assert "src/main.py" in paths
    assert not [path for path in paths if path.startswith("docs")]


@pytest.mark.parametrize("pattern", ["[a", "!", "src/[]"])
def test_a_pattern_that_docker_refuses_is_named(pattern: str, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"\.dockerignore: ") as caught:
        read_context(tree(tmp_path, f"docs\n{pattern}\n"))
    assert repr(pattern) in str(caught.value)
