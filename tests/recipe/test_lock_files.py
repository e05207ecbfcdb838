"""Which lock file counts, what it must be, and which versions it names."""

from __future__ import annotations

import json
import textwrap

import pytest

from biot_provider.errors import PackagingError
from biot_provider.recipe.requirements import read_requirements

from ..uncoded import uncoded
from .conftest import Plugin

HASH = "--hash=sha256:" + "0" * 64


def refused(plugin: Plugin) -> str:
    """What is wrong, without the folder's name."""
    with pytest.raises(PackagingError) as error:
        plugin.sources().file_digests()
    assert "\n" not in str(error.value)
    return uncoded(str(error.value)).replace(str(plugin.folder), "HERE")


@pytest.mark.parametrize(
    ("text", "versions", "has_hashes"),
    [
        ("six==1.17.0", {"six": "1.17.0"}, False),
        ("  Typing_Extensions[x] == 4.12.2  # why\n\n# nothing\n", {"typing-extensions": "4.12.2"}, False),
        (f"six==1.17.0 \\\n    {HASH} \\\r\n    {HASH}\n", {"six": "1.17.0"}, True),
        (
            'numpy==1.26.4 ; python_version < "3.12"\nnumpy==2.2.3 ; python_version >= "3.12"\n',
            {"numpy": "1.26.4 or 2.2.3"},
            False,
        ),
        ("\ufeff--index-url https://example.com/simple\n-f wheels\nsix===1.17.0\n", {"six": "1.17.0"}, False),
        ("", {}, False),
    ],
)
def test_versions_of_a_requirements_file(text: str, versions: dict[str, str], has_hashes: bool) -> None:
    found = read_requirements("HERE", "requirements.txt", text)
    assert (found.versions, found.has_hashes) == (versions, has_hashes)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("six", "'six' is not pinned by =="),
        ("six>=1.17", "'six>=1.17' is not pinned by =="),
        ("six==1.*", "'six==1.*' is not pinned by =="),
        ("six==1.17.0,<2", "is not pinned by =="),
        ("-e ../shared", "is no wheel of an index"),
        ("--editable=.", "is no wheel of an index"),
        ("./wheels/six.whl", "is no wheel of an index"),
        ("shared @ git+https://me:pass-phrase@example.com/shared", "'shared' is no wheel of an index"),
        ("git+https://pass-phrase@example.com/shared#egg=shared", "'git+https://[secret]@example.com/shared#egg"),
        ("-e git+https://me:pass-phrase@example.com/shared", "is no wheel of an index"),
        ("--proxy http://me:pass-phrase@example.com:8080", "is not followed"),
        ("-r more.txt", "put everything into one file"),
        ("--no-binary :all:", "is not followed: take it out"),
    ],
)
def test_a_line_that_pins_no_wheel_is_refused_before_a_tool_reads_it(line: str, problem: str) -> None:
    with pytest.raises(PackagingError, match=r"^HERE: locked\.txt: ") as error:
        read_requirements("HERE", "locked.txt", f"idna==3.7\n{line}\n")
    assert problem in str(error.value)
    assert "pass-phrase" not in str(error.value)


def test_without_dependencies_nothing_is_needed(plugin: Plugin) -> None:
    assert plugin.sources().lock is None
    plugin.file("pyproject.toml", "[tool.ruff]\n")
    assert plugin.sources().lock is None


def test_dependencies_without_a_lock_file_are_named(plugin: Plugin) -> None:
    plugin.file("pyproject.toml", '[project]\nname = "p"\ndependencies = ["six"]\n')
    assert refused(plugin) == (
        "HERE: pyproject.toml names dependencies (six), and no lock file: `uv lock`, or a requirements.txt with hashes"
        " writes one"
    )


def test_lock_files_of_other_tools_have_a_way_out(plugin: Plugin) -> None:
    plugin.file("poetry.lock", "")
    assert "`poetry export -o requirements.txt` writes one" in refused(plugin)


def test_two_lock_files_of_node_need_a_word(plugin: Plugin) -> None:
    plugin.runtime = "nodejs22.x"
    plugin.file("package.json", "{}")
    plugin.file("package-lock.json", json.dumps({"packages": {"node_modules/a": {"version": "1.0.0"}}}))
    plugin.file("pnpm-lock.yaml", "packages:\n  b@2.0.0(c@1): {}\n")
    assert "delete one, or name one: build: {dependencies: package-lock.json}" in refused(plugin)
    plugin.build = {"dependencies": "package-lock.json"}
    assert plugin.sources().file_digests()["package-lock.json#a"] == "1.0.0"
    plugin.build = "auto"
    plugin.file("package.json", json.dumps({"packageManager": "pnpm@10.2.0"}))
    assert plugin.sources().file_digests()["pnpm-lock.yaml#b"] == "2.0.0"


def test_npm_s_versions_are_those_that_run_on_lambda(plugin: Plugin) -> None:
    plugin.runtime = "nodejs22.x"
    packages = {
        "": {},
        "node_modules/@esbuild/darwin-arm64": {"version": "1.0.0", "os": ["darwin"], "cpu": ["arm64"]},
        "node_modules/@esbuild/linux-x64": {"version": "1.0.0", "os": ["linux"], "cpu": ["x64"]},
        "node_modules/a": {"version": "1.0.0"},
        "node_modules/b/node_modules/a": {"version": "2.0.0"},
        "node_modules/dev": {"version": "3.0.0", "dev": True},
        "node_modules/both": {"version": "4.0.0", "devOptional": True},
    }
    plugin.file("package.json", "{}")
    plugin.file("package-lock.json", json.dumps({"packages": packages}))
    versions = {k.partition("#")[2]: v for k, v in plugin.sources().file_digests().items() if "#" in k}
    assert versions == {"@esbuild/linux-x64": "1.0.0", "a": "1.0.0 or 2.0.0", "both": "4.0.0"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("package-lock.json", '{"dependencies": {"shared": {"version": "git+https://pass-phrase@example.com/x#1f"}}}'),
        ("pnpm-lock.yaml", "packages:\n  shared@git+https://pass-phrase@example.com/x#1f: {}\n"),
    ],
)
def test_the_address_of_a_repository_is_kept_without_its_token(plugin: Plugin, name: str, text: str) -> None:
    plugin.runtime = "nodejs22.x"
    plugin.file("package.json", "{}")
    plugin.file(name, text)
    digests = plugin.sources().file_digests()
    assert any("example.com" in f"{key} {value}" for key, value in digests.items())
    assert "pass-phrase" not in str(digests)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("package-lock.json", '{"packages": {"node_modules/@x/a": {"resolved": "packages/a", "link": true}}}'),
        ("package-lock.json", '{"packages": {"node_modules/@x/a": {"resolved": "file:packages/a"}}}'),
        ("package-lock.json", '{"dependencies": {"@x/a": {"version": "file:../a"}}}'),
        ("pnpm-lock.yaml", "importers:\n  .:\n    dependencies:\n      '@x/a': {version: 'link:packages/a'}\n"),
        ("pnpm-lock.yaml", "dependencies:\n  '@x/a': file:../a\n"),
    ],
)
def test_a_package_that_is_a_folder_of_this_machine_is_named(plugin: Plugin, name: str, text: str) -> None:
    plugin.runtime = "nodejs22.x"
    plugin.file("package.json", "{}")
    plugin.file(name, text)
    with pytest.raises(PackagingError, match=f"{name}: @x/a is no package of a registry"):
        plugin.built()


def test_the_mark_that_editors_of_windows_put_first_does_not_count(plugin: Plugin) -> None:
    plugin.runtime = "nodejs22.x"
    plugin.file("package.json", "\ufeff{}")
    plugin.file("package-lock.json", "\ufeff" + json.dumps({"packages": {"node_modules/a": {"version": "1.0.0"}}}))
    assert plugin.sources().file_digests()["package-lock.json#a"] == "1.0.0"


def test_a_lock_file_that_is_none_is_one_line(plugin: Plugin) -> None:
    plugin.file("pyproject.toml", "[project]\n")
    plugin.file("uv.lock", "not = toml = at all")
    assert refused(plugin) == ("HERE: uv.lock is no lock file of uv (TOMLDecodeError). What to do: write it again")


@pytest.mark.parametrize(
    ("named", "problem"),
    [
        ("missing.txt", "HERE: missing.txt, which dependencies names, is not there"),
        ("package-lock.json", "HERE: package-lock.json is not for the runtime python3.13"),
        ("index.py", "HERE: index.py is no lock file that is known"),
    ],
)
def test_a_lock_file_that_is_named_must_fit(plugin: Plugin, named: str, problem: str) -> None:
    plugin.file("package-lock.json", "{}")
    plugin.build = {"dependencies": named}
    assert refused(plugin).startswith(problem)


def test_another_language_needs_a_command(plugin: Plugin) -> None:
    plugin.runtime = "provided.al2023"
    assert "give a command" in refused(plugin)


def test_uv_lock_names_what_is_locked(plugin: Plugin) -> None:
    plugin.file("pyproject.toml", "[project]\n")
    plugin.file(
        "uv.lock",
        textwrap.dedent(
            """
            version = 1
            [[package]]
            name = "own"
            version = "0"
            source = { virtual = "." }
            [[package]]
            name = "Six"
            version = "1.17.0"
            source = { registry = "https://example.com/simple" }
            """
        ),
    )
    assert plugin.sources().file_digests()["uv.lock#six"] == "1.17.0"


def test_a_folder_that_cannot_be_looked_into_is_one_line(plugin: Plugin) -> None:
    plugin.build = {"dependencies": f"{'a' * 300}.txt"}  # as a folder without permission, also for root
    assert refused(plugin).startswith("HERE")
