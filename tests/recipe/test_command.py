"""Build commands: what they see, what they may do, what becomes of their output."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from biot_provider.errors import PackagingError

from ..uncoded import uncoded
from .conftest import Plugin, content


def refused(plugin: Plugin) -> str:
    with pytest.raises(PackagingError) as error:
        plugin.built()
    return uncoded(str(error.value)).replace(str(plugin.folder), "HERE")


def test_the_output_is_the_package_and_the_sources_stay_as_they_are(plugin: Plugin) -> None:
    plugin.file("dist/old.py")
    plugin.build = {"command": "test ! -e dist && mkdir dist && cp index.py dist/main.py", "output": "dist"}
    assert plugin.names() == {"main.py"}
    assert sorted(path.name for path in plugin.folder.iterdir()) == ["dist", "index.py"]


def test_without_an_output_the_sources_are_in_the_package_too(plugin: Plugin) -> None:
    plugin.file("requirements.txt", "six==1.17.0\n")
    plugin.build = {"command": "echo VERSION = 1 > version.py"}
    assert {"index.py", "version.py", "six.py"} < plugin.names()


def test_of_node_the_command_has_all_dependencies_and_the_package_has_lambda_s(plugin: Plugin) -> None:
    plugin.runtime = "nodejs22.x"
    plugin.lock(**{"is-number": "7.0.0"})
    plugin.build = {"command": "node -p 'require(\"is-number\")(3)' > answer.txt"}
    built = plugin.built()
    assert content(built, "answer.txt") == b"true\n"
    assert "node_modules/is-number/index.js" in {file.path for file in built.files}


def test_a_package_that_is_a_folder_is_bundled_as_it_is_now(plugin: Plugin) -> None:
    plugin.runtime = "nodejs22.x"
    plugin.file(".npmrc", "install-links=true\n")  # npm copies it, as pnpm always does
    plugin.file("shared/package.json", json.dumps({"name": "shared", "version": "1.0.0"}))
    plugin.file("shared/answer.txt", "one")
    plugin.lock(shared="file:./shared")
    plugin.build = {"command": "mkdir dist && cp node_modules/shared/answer.txt dist", "output": "dist"}
    assert content(plugin.built(), "answer.txt") == b"one"
    plugin.file("shared/answer.txt", "two")
    assert content(plugin.built(), "answer.txt") == b"two"


def test_a_tool_that_is_locked_is_on_the_path(plugin: Plugin, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin.runtime = "nodejs22.x"
    plugin.lock(esbuild="0.25.0")
    plugin.file("index.ts", "export const handler = async (): Promise<number> => 3;\n")
    plugin.build = {"command": "esbuild index.ts --platform=node --outfile=dist/index.mjs", "output": "dist"}
    assert plugin.names() == {"index.mjs"}

    plugin.file("index.ts", "export const handler = async (): Promise<number> => 4;\n")
    monkeypatch.setattr("biot_provider.recipe.dependencies.install_modules", None)  # it comes from the cache
    assert b"4" in content(plugin.built(), "index.mjs")


def test_node_of_a_package_is_found_where_none_is_installed(
    plugin: Plugin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin.runtime = "nodejs22.x"
    plugin.lock(**{"is-number": "7.0.0"})
    (tmp_path / "few").mkdir()
    for name in ("sh", "mkdir", "env"):
        (tmp_path / "few" / name).symlink_to(str(shutil.which(name)))
    monkeypatch.setenv("PATH", str(tmp_path / "few"))
    manifest = json.loads((plugin.folder / "package.json").read_text())
    script = "mkdir dist && node -p 'require(\"is-number\")(3)' > dist/answer.txt"
    plugin.file("package.json", json.dumps({**manifest, "scripts": {"build": script}}))
    plugin.build = {"command": "npm run build", "output": "dist"}
    assert content(plugin.built(), "answer.txt") == b"true\n"


def test_it_has_none_of_our_secrets(plugin: Plugin, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BIOT_SERVICE_SECRET_KEY", "PULUMI_ACCESS_TOKEN", "PULUMI_CONFIG_PASSPHRASE", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "not-for-you-" + name)
    monkeypatch.setenv("OF_THE_USER", "yes")
    plugin.build = {"command": "mkdir out; env > out/env.txt", "output": "out"}
    text = content(plugin.built(), "env.txt").decode()
    assert "not-for-you" not in text
    assert "OF_THE_USER=yes" in text


def test_its_output_shows_when_it_fails_its_last_lines_alone(
    plugin: Plugin, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    value = "value-" + os.urandom(6).hex()
    monkeypatch.setenv("BIOT_SERVICE_SECRET_KEY", value)
    plugin.build = {"command": f"seq 100; echo {value}; echo why >&2; exit 4"}
    problem, *lines = refused(plugin).split("\n")
    assert problem.endswith("failed (exit code 4); its last lines:")
    assert [line.strip() for line in lines] == [*map(str, range(88, 101)), "[secret]", "why"]
    plugin.build = {"command": "echo quiet; echo as a mouse >&2"}
    plugin.built()
    assert capfd.readouterr() == ("", "")


def test_one_that_hangs_ends_with_its_children(plugin: Plugin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIOT_BUILD_TIMEOUT", "3")
    mark = str(10**6 + secrets.randbelow(10**6))
    plugin.build = {"command": f"{sys.executable} -c 'import time; time.sleep({mark})' & echo waiting; wait"}
    problem, line = refused(plugin).split("\n")
    assert problem.endswith("or give it more in BIOT_BUILD_TIMEOUT; its last lines:")
    assert line in ("  waiting", "  (it wrote nothing)")  # a busy machine may need the seconds to start it
    assert not _is_running(mark)


def test_a_time_limit_that_is_none_is_one_line(plugin: Plugin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIOT_BUILD_TIMEOUT", "soon")
    plugin.build = {"command": "true"}
    assert refused(plugin) == "BIOT_BUILD_TIMEOUT must be seconds, such as 900, not 'soon'"


@pytest.mark.parametrize(
    ("build", "problem"),
    [
        ({"command": "echo > ../evil"}, "HERE: the command 'echo > ../evil' wrote outside its folder: ../evil"),
        ({"command": "true", "output": "dist"}, "HERE: the command 'true' wrote no dist, which output names"),
        ({"command": "mkdir dist", "output": "dist"}, "HERE/dist holds nothing to deploy"),
        ({"command": "ln -s / dist", "output": "dist"}, "HERE: output dist leads out of the folder"),
        (
            {"command": "mkdir dist; ln -s /etc/hostname dist/x", "output": "dist"},
            "HERE/dist: the link x points out of the folder",
        ),
        ({"command": "true", "output": "dist", "inputs": ["src/**"]}, "HERE: no file of the folder matches inputs"),
    ],
)
def test_what_goes_wrong_with_the_output_is_one_line(plugin: Plugin, build: object, problem: str) -> None:
    plugin.build = build
    assert refused(plugin).startswith(problem)


def test_one_that_writes_into_the_sources_is_found_out(plugin: Plugin) -> None:
    plugin.build = {"command": f"echo x >> {plugin.folder}/index.py"}
    assert refused(plugin).startswith("HERE changed while it was built: the command must not write there")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "kill"])
def test_an_end_in_the_middle_leaves_nothing(
    plugin: Plugin, cache: Path, tmp_path: Path, number: signal.Signals
) -> None:
    mark = str(10**6 + secrets.randbelow(10**6))
    plugin.build = {"command": f"touch {tmp_path}/started; sleep {mark}"}
    script = (
        "import sys\nfrom biot_provider.plugin.package import recipe_of\n"
        "from biot_provider.recipe.build import build_package\nfrom biot_provider.recipe.sources import read_sources\n"
        f"build_package(read_sources(recipe_of({str(plugin.folder)!r}, {plugin.build!r}, 'python3.13')))\n"
    )
    (tmp_path / "tmp").mkdir()
    environment = {**os.environ, "TMPDIR": str(tmp_path / "tmp")}
    process = subprocess.Popen([sys.executable, "-c", script], env=environment, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 120
    while not (tmp_path / "started").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    process.communicate(timeout=120)
    while (list((tmp_path / "tmp").iterdir()) or _is_running(mark)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert list((tmp_path / "tmp").iterdir()) == []
    assert not _is_running(mark)
    assert {path.parent.name for path in cache.glob("*/*")} <= {"digests"}


def _is_running(text: str) -> bool:
    return text in subprocess.run(["ps", "ax", "-o", "args"], capture_output=True, text=True, check=True).stdout


def test_a_cache_that_is_never_trusted_is_named_where_it_costs_a_build(
    plugin: Plugin, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin.build = {"command": "mkdir dist && cp index.py dist", "output": "dist"}
    plugin.built()
    assert not any(notice.is_warning for notice in plugin.notices)
    plugin.file("index.py", "def handler(event, context): pass\n")
    # As on a filesystem on which every file belongs to another account.
    monkeypatch.setattr("biot_provider.recipe.cache._is_trusted", lambda status: False)
    assert {file.path for file in plugin.built().files} == {"index.py"}
    assert f"the cache {cache} cannot keep this build safe from other accounts" in plugin.notices[-1].line


def test_a_manifest_that_an_ignore_file_leaves_out_serves_the_build_alone(plugin: Plugin) -> None:
    plugin.runtime = "nodejs22.x"
    plugin.lock(**{"is-number": "7.0.0"})
    plugin.file(".npmrc", "loglevel=silent\n")
    plugin.file(".biotignore", "/.npmrc\n/package-lock.json\n")
    plugin.build = {"command": "test -e .npmrc"}
    names = plugin.names()
    assert "node_modules/is-number/index.js" in names
    assert {name for name in names if "/" not in name} == {"index.py", "package.json"}
