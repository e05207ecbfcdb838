"""The ignore rules, held against git itself and against what the package promises beyond git."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path
from tempfile import mkdtemp

import pytest

from biot_provider.package.package import read_package

from .trees import write_tree

FILES = [
    "README.md",
    "a.js",
    "a.py",
    "build/out.js",
    "docs/build/page.md",
    "docs/index.md",
    "logs/keep.txt",
    "logs/old/x.txt",
    "logs/x.txt",
    "name with space.txt",
    "src/a.js",
    "src/b.py",
    "src/deep/a.js",
    "src/deep/build/c.py",
    "src/über.txt",
    "x1.txt",
    "x2.txt",
    "xa.txt",
    "#note.txt",
    "!bang.txt",
]


def packaged(root: Path) -> list[str]:
    return [file.path for file in read_package(root).files]


def git(folder: Path, *arguments: str) -> bytes:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    return subprocess.run(["git", *arguments], cwd=folder, env=environment, check=True, stdout=subprocess.PIPE).stdout


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("repository")
    git(root, "init", "--quiet", "--template=")
    return root


@pytest.fixture
def folder(repository: Path) -> Path:
    """A folder of its own in a repository of git's."""
    return Path(mkdtemp(dir=repository))


def kept_by_git(folder: Path) -> list[str]:
    listing = git(folder, "ls-files", "-z", "--others", "--exclude-standard")
    names = [os.fsdecode(name) for name in listing.split(b"\0") if name]
    return sorted(name for name in names if name.rpartition("/")[2] != ".gitignore")


@pytest.mark.parametrize(
    "gitignores",
    [
        {"": "*.js"},
        {"": "build"},
        {"": "build/"},
        {"": "/build/"},
        {"": "docs/build"},
        {"": "**/build/"},
        {"": "src/**"},
        {"": "src/**/a.js"},
        {"": "src/*"},
        {"": "src/*.js"},
        {"": "*.js\n!src/a.js"},
        {"": "src/\n!src/a.js"},
        {"": "src/*\n!src/a.js"},
        {"": "logs/**\n!logs/keep.txt"},
        {"": "logs/**\n!logs/**/\n!x.txt"},
        {"": "*\n!*/\n!*.py"},
        {"": "/*\n!/src/"},
        {"": "/*\n!/src\n/src/*\n!/src/deep"},
        {"": "*/\n!src/"},
        {"": "*.js\nsrc/\n!src/"},
        {"": "x[0-9].txt"},
        {"": "x[!0-9].txt"},
        {"": "x[^a].txt"},
        {"": "x[[:digit:]].txt"},
        {"": "x[[:nonsense:]].txt"},
        {"": "x[2-1].txt"},
        {"": "x[1"},
        {"": "x[]1].txt"},
        {"": "x[1\\-3].txt"},
        {"": "x?.txt"},
        {"": "src?a.js"},
        {"": "src/?ber.txt\nsrc/??ber.txt"},
        {"": "# a.js\n\n   \n\\#note.txt\n\\!bang.txt"},
        {"": "name with space.txt   "},
        {"": "name\\ with\\ space.txt"},
        {"": "a.js\\ "},
        {"": "a.js\t"},
        {"": "a.js\r\nlogs/\r\n"},
        {"": "\ufeffa.js"},
        {"": "a.js\\"},
        {"": "/\n//\n!\n!/\n."},
        {"": "A.JS"},
        {"": "./a.js\n../a.js"},
        {"": "*.js", "src": "!*.js"},
        {"": "!a.js", "src": "*.js", "src/deep": "!a.js"},
        {"": "src/deep/", "src": "!deep/"},
        {"": "src/", "src": "!a.js"},
        {"src": "/a.js\ndeep/build/"},
    ],
    ids=lambda gitignores: "|".join(gitignores.values()).encode("unicode_escape").decode(),
)
def test_gitignore_means_what_it_means_to_git(folder: Path, gitignores: dict[str, str]) -> None:
    write_tree(folder, dict.fromkeys(FILES, "x"))
    write_tree(folder, {f"{place}/.gitignore".lstrip("/"): rules for place, rules in gitignores.items()})

    assert packaged(folder) == kept_by_git(folder)


@pytest.mark.parametrize("seed", range(60))
def test_any_gitignore_means_what_it_means_to_git(folder: Path, seed: int) -> None:
    dice = random.Random(seed)
    names = ["a", "b", "ab", "a.js", "b.py", "x y", "foo", "!a", "#b", "a[b", "A", "é", "a*", "-"]
    globs = [
        *names,
        "*",
        "**",
        "*.js",
        "?",
        "a*",
        "[ab]",
        "[!a]",
        "[a-c]",
        "[a",
        "\\a",
        "f?o",
        "***",
        "[[:alpha:]]",
        "[]a]",
    ]

    def line() -> str:
        path = "/".join(dice.choices(globs, k=dice.choice([1, 1, 1, 2, 3])))
        return dice.choice(["", "", "!"]) + dice.choice(["", "/"]) + path + dice.choice(["", "/", " ", "\r"])

    paths = ["/".join(dice.choices(names, k=dice.randint(1, 4))) for _ in range(12)]
    # A name is a file or a folder, not both.
    paths = [path for path in paths if not any(other.startswith(f"{path}/") for other in paths)]
    write_tree(folder, dict.fromkeys([*paths, "z"], "x"))
    places = ["", *(path.rpartition("/")[0] for path in dice.sample(paths, k=2))]
    rules = {f"{place}/.gitignore".lstrip("/"): "\n".join(line() for _ in range(5)) for place in places}
    write_tree(folder, {path: f"{text}\n!/z" for path, text in rules.items()})

    assert packaged(folder) == kept_by_git(folder)


def test_git_its_files_and_ours_are_left_out_and_nothing_brings_them_back(tmp_path: Path) -> None:
    write_tree(
        tmp_path,
        {
            ".git/HEAD": "x",
            ".gitignore": "",
            ".biotignore": "!.git\n!.gitignore\n!.biotignore\n!plugin.yaml",
            "plugin.yaml": "x",
            "vendor/.git": "a submodule's file",
            "vendor/.gitignore": "",
            "vendor/.biotignore": "*",
            "vendor/plugin.yaml": "x",
            "index.js": "x",
        },
    )

    assert packaged(tmp_path) == ["index.js", "vendor/plugin.yaml"]


def test_rules_above_the_folder_and_of_the_user_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    write_tree(
        tmp_path,
        {
            ".git/info/exclude": "*.js",
            ".gitignore": "*.js",
            "home/.config/git/ignore": "*.js",
            "home/.gitconfig": "[core]\nexcludesFile = ~/.config/git/ignore",
            "plugin/.git/info/exclude": "*.js",
            "plugin/index.js": "x",
        },
    )

    assert packaged(tmp_path / "plugin") == ["index.js"]


def test_dependencies_are_kept_whatever_gitignores_say(tmp_path: Path) -> None:
    write_tree(
        tmp_path,
        {
            ".gitignore": "node_modules/\nsite-packages\ndist/\n*.map",
            "index.js": "x",
            "dist/a.js": "x",
            "node_modules/left/dist/a.js": "x",
            "node_modules/left/dist/a.map": "x",
            "node_modules/left/.gitignore": "dist",
            "vendor/site-packages/lib/dist/a.py": "x",
        },
    )

    assert packaged(tmp_path) == [
        "index.js",
        "node_modules/left/dist/a.js",
        "node_modules/left/dist/a.map",
        "vendor/site-packages/lib/dist/a.py",
    ]


def test_dependencies_go_where_biotignore_names_them(tmp_path: Path) -> None:
    write_tree(
        tmp_path,
        {
            ".biotignore": "site-packages/\nnode_modules/left/test/",
            "index.js": "x",
            "node_modules/left/a.js": "x",
            "node_modules/left/test/a.js": "x",
            "site-packages/a.py": "x",
        },
    )

    assert packaged(tmp_path) == ["index.js", "node_modules/left/a.js"]


def test_dependencies_inside_an_ignored_folder_are_not_looked_for(tmp_path: Path) -> None:
    write_tree(
        tmp_path,
        {".gitignore": ".venv/", "index.py": "x", ".venv/lib/python3.13/site-packages/a.py": "x"},
    )

    assert packaged(tmp_path) == ["index.py"]


def test_biotignore_has_the_last_word(tmp_path: Path) -> None:
    write_tree(
        tmp_path,
        {
            ".gitignore": "dist/\n*.log",
            ".biotignore": "tests/\n!dist/\n!kept.log",
            "src/.gitignore": "!a.log\n!tests/\nkept.log",
            "dist/index.js": "x",
            "dist/a.log": "x",
            "src/a.log": "x",
            "src/kept.log": "x",
            "src/tests/a.js": "x",
            "tests/a.js": "x",
        },
    )

    assert packaged(tmp_path) == ["dist/index.js", "src/a.log", "src/kept.log"]


def test_rubbish_of_a_machine_is_left_out_unless_biotignore_keeps_it(tmp_path: Path) -> None:
    rubbish = {"lib/__pycache__/a.cpython-313.pyc": "x", "lib/b.pyc": "x", "lib/.DS_Store": "x"}
    write_tree(tmp_path, {**rubbish, ".gitignore": "!b.pyc", "index.py": "x", "site-packages/c.pyc": "x"})

    assert packaged(tmp_path) == ["index.py"]

    write_tree(tmp_path, {".biotignore": "!lib/b.pyc"})

    assert packaged(tmp_path) == ["index.py", "lib/b.pyc"]


def test_our_own_working_folders_are_never_deployed_wherever_they_lie(tmp_path: Path) -> None:
    write_tree(
        tmp_path,
        {
            ".biot/local/keys.json": "x",
            ".pulumi/stacks/dev.json": "x",
            ".venv/lib/python3.13/site-packages/a.py": "x",
            "infra/.venv/bin/python": "x",
            "infra/.pulumi/a": "x",
            "infra/.biot": "x",
            ".biotignore": "!.biot\n!.pulumi\n!.venv\n!.venv/**",
            "index.js": "x",
            ".biotrc": "x",
        },
    )

    assert packaged(tmp_path) == [".biotrc", "index.js"]


def test_a_pulumi_projects_configuration_is_left_out_unless_biotignore_keeps_it(tmp_path: Path) -> None:
    write_tree(
        tmp_path,
        {
            "Pulumi.yaml": "x",
            "Pulumi.dev.yaml": "x",
            "stacks/Pulumi.eu-prod.yml": "x",
            "Pulumi.json": "x",
            ".gitignore": "!Pulumi.yaml",
            "index.js": "x",
            "Pulumi.js": "x",
            "MyPulumi.yaml": "x",
            "node_modules/@pulumi/templates/Pulumi.yaml": "x",
        },
    )

    assert packaged(tmp_path) == [
        "MyPulumi.yaml",
        "Pulumi.js",
        "index.js",
        "node_modules/@pulumi/templates/Pulumi.yaml",
    ]

    write_tree(tmp_path, {".biotignore": "!Pulumi.dev.yaml"})

    assert "Pulumi.dev.yaml" in packaged(tmp_path)


def test_other_files_are_packaged_whatever_their_names_unless_an_ignore_file_names_them(tmp_path: Path) -> None:
    names = [".env", ".npmrc", "README.md", "key.pem"]
    write_tree(tmp_path, dict.fromkeys(names, "x"))

    assert packaged(tmp_path) == names
