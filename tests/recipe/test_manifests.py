"""Dependencies that a folder declares: where nothing locks them, and where nothing installs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from biot_provider.errors import PackagingError
from biot_provider.package.package import read_package
from biot_provider.recipe.manifests import missing_dependencies

from ..uncoded import uncoded
from .conftest import Plugin

POETRY = '[tool.poetry.dependencies]\npython = "^3.13"\nidna = "*"\n'


@pytest.mark.parametrize(
    ("runtime", "file", "text", "problem"),
    [
        ("nodejs22.x", "yarn.lock", "", "Yarn's lock file is not read"),
        ("nodejs22.x", "bun.lock", "{}", "and dependencies: none"),
        ("nodejs22.x", "package.json", '{"optionalDependencies": {"a": "1"}}', "package.json names dependencies (a)"),
        ("nodejs22.x", "package.json", '{"dependencies": {"a": "1",}}', "package.json cannot be read ("),
        ("nodejs22.x", "package-lock.json", "{}", "package-lock.json has no package.json beside it"),
        ("python3.13", "poetry.lock", "", "`poetry export -o requirements.txt` writes one"),
        ("python3.13", "pylock.toml", "[[packages]]\nname = 'idna'\n", "pylock.toml names dependencies (idna)"),
        ("python3.13", "pyproject.toml", POETRY, "pyproject.toml names dependencies (idna)"),
        ("python3.13", "pyproject.toml", "[project", "pyproject.toml cannot be read ("),
        ("nodejs22.x", "package.json", "[" * 100_000, "package.json cannot be read ("),
        ("python3.13", "Pipfile", "[packages]\nidna = '*'\n", "Pipfile names dependencies (idna)"),
        (
            "python3.13",
            "pyproject.toml",
            "[project]\ndependencies = [\"a ; os_name == 'nt'\"]",
            "names dependencies (a)",
        ),
        ("python3.13", "requirements.in", "# ours\nidna\n", "requirements.in names dependencies (idna)"),
    ],
)
def test_what_is_declared_and_not_locked_is_one_line(
    plugin: Plugin, runtime: str, file: str, text: str, problem: str
) -> None:
    plugin.runtime = runtime
    plugin.file(file, text)
    with pytest.raises(PackagingError) as error:
        plugin.sources()
    assert "\n" not in str(error.value)
    assert problem in uncoded(str(error.value))


@pytest.mark.parametrize(
    ("runtime", "files"),
    [
        ("python3.13", {"pyproject.toml": POETRY, "Pipfile": "[packages]\nidna = '*'\n", "requirements.in": "idna\n"}),
        ("nodejs22.x", {"package.json": '{"optionalDependencies": {"a": "1"}}'}),
        ("nodejs22.x", {"package.json": "{"}),
    ],
)
def test_what_a_command_may_install_in_its_own_way_needs_no_lock_file(
    plugin: Plugin, runtime: str, files: dict[str, str]
) -> None:
    plugin.runtime = runtime
    for path, text in files.items():
        plugin.file(path, text)
    plugin.build = {"command": "make", "output": "dist"}
    assert plugin.sources().lock is None


def test_what_lambda_s_runtimes_have_needs_no_lock_file(plugin: Plugin) -> None:
    plugin.file("requirements.in", "boto3\n")
    assert plugin.sources().lock is None


@pytest.mark.parametrize(
    ("runtime", "manifest", "around", "command"),
    [
        ("nodejs22.x", '{"dependencies": {"a": "1"}}', {"package.json": '{"workspaces": ["*"]}'}, "npm install"),
        ("nodejs22.x", '{"dependencies": {"a": "1"}}', {"pnpm-workspace.yaml": "packages: ['*']\n"}, "pnpm install"),
        (
            "python3.13",
            '[project]\ndependencies = ["a"]\n',
            {"pyproject.toml": '[tool.uv.workspace]\nmembers = ["*"]\n'},
            "uv export",
        ),
    ],
)
def test_in_a_workspace_the_command_locks_the_folder_alone(
    plugin: Plugin, runtime: str, manifest: str, around: dict[str, str], command: str
) -> None:
    plugin.runtime = runtime
    plugin.file("package.json" if runtime.startswith("nodejs") else "pyproject.toml", manifest)
    for name, text in around.items():
        plugin.file(f"../{name}", text)
    with pytest.raises(PackagingError, match=f"no lock file: `{command} .*workspace"):
        plugin.sources()


@pytest.mark.parametrize(("runtime", "file"), [("python3.13", "yarn.lock"), ("nodejs22.x", "poetry.lock")])
def test_the_other_language_s_lock_file_does_not_count(plugin: Plugin, runtime: str, file: str) -> None:
    plugin.runtime = runtime
    plugin.file(file, "")
    assert plugin.sources().lock is None


def missing(folder: Path, runtime: str, files: dict[str, str]) -> str:
    """The packages that the sentence names; empty if there is none."""
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    sentence = missing_dependencies(read_package(folder), folder, runtime)
    return "" if sentence is None else sentence.partition(", which the package does not have: ")[0]


REQUIREMENTS = """\
--index-url https://example.com/simple
# six==1
boto3
pywin32==308 ; sys_platform == "win32"
PyYAML[x]==6.0.2 --hash=sha256:00
idna ~= 3.7  # ours
"""


@pytest.mark.parametrize(
    ("files", "named"),
    [
        ({"requirements.txt": REQUIREMENTS}, "requirements.txt names PyYAML, idna"),
        ({"pyproject.toml": '[project]\ndependencies = ["idna>=3"]\n'}, "pyproject.toml names idna"),
        ({"pyproject.toml": POETRY}, "pyproject.toml names idna"),
        ({"Pipfile": "[packages]\nidna = '*'\n"}, "Pipfile names idna"),
        ({"requirements.txt": REQUIREMENTS, "idna/__init__.py": ""}, ""),
        ({"requirements.txt": REQUIREMENTS, "lib/PyYAML-6.0.2.dist-info/RECORD": ""}, ""),
        ({"requirements.txt": REQUIREMENTS, ".biotignore": "requirements.txt"}, ""),
        ({"requirements.txt": "boto3==1.35.0\n"}, ""),
        ({"requirements.txt": "\n"}, ""),
        ({"pyproject.toml": "[tool.ruff]\n"}, ""),
    ],
)
def test_distributions_that_nothing_installs_are_named(tmp_path: Path, files: dict[str, str], named: str) -> None:
    assert missing(tmp_path, "python3.13", {"index.py": "import idna\n", **files}) == named


@pytest.mark.parametrize(
    ("files", "named"),
    [
        ({"index.mjs": 'import a from "a";\nimport { b } from "@b/b/c";\n'}, "package.json names @b/b, a"),
        ({"index.mjs": "const a = require('a');\n", "node_modules/@b/b/index.js": ""}, "package.json names a"),
        ({"index.mjs": "await import(`a`);\n", "node_modules/a/index.js": ""}, ""),
        ({"index.mjs": "// node_modules/a/index.js\nvar a = 1;\n"}, ""),
        ({"index.mjs": 'var n={name:"a",url:`a/b`},f=["@b/b"];log("a")\n'}, ""),
        ({"index.mjs": 'import"a";import{b}from"@b/b";\n'}, "package.json names @b/b, a"),
        ({"index.js": 'var x = __require("a"), b = import( "@b/b" );\n'}, "package.json names @b/b, a"),
        ({"index.mjs": 'import a from "a";\n', ".biotignore": "node_modules/\n"}, ""),
        ({"index.mjs": 'import a from "a";\n', ".biotignore": "package.json\n"}, ""),
        ({"index.mjs": "", "package.json": '{"dependencies": {"": 1, "7": null}}'}, ""),
        ({"index.mjs": "", "package.json": '{"dependencies": [1, null, "a"]}'}, ""),
        ({"index.mjs": "", "package.json": "{"}, ""),
        ({"index.mjs": "", "package.json": "[" * 100_000}, ""),
    ],
)
def test_modules_that_nothing_installs_are_named(tmp_path: Path, files: dict[str, str], named: str) -> None:
    dependencies = {"a": "1", "@b/b": "1", "@aws-sdk/client-s3": "3"}
    manifest = {"package.json": json.dumps({"dependencies": dependencies, "devDependencies": {"typescript": "5"}})}
    assert missing(tmp_path, "nodejs22.x", {**manifest, **files}) == named
