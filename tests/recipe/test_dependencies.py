"""Dependencies as the real tools install them: for AWS Lambda, as locked, the same bytes everywhere."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import uv

from biot_provider.errors import PackagingError
from biot_provider.recipe.node_modules import node_paths

from ..uncoded import uncoded
from .conftest import Plugin, content

SIX = "six==1.17.0 --hash=sha256:4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274\n"
WITHOUT_UV = (
    "import importlib.util, shutil\n"
    "found, which = importlib.util.find_spec, shutil.which\n"
    "importlib.util.find_spec = lambda name, package=None: None if name == 'uv' else found(name, package)\n"
    "shutil.which = lambda name, **given: None if name == 'uv' else which(name, **given)\n"
)
Process = Callable[..., subprocess.CompletedProcess[str]]


def refused(plugin: Plugin) -> str:
    with pytest.raises(PackagingError) as error:
        plugin.built()
    return uncoded(str(error.value)).replace(str(plugin.folder), "HERE")


def hide_uv(monkeypatch: pytest.MonkeyPatch) -> None:
    found, which = importlib.util.find_spec, shutil.which
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "uv" else found(name))
    monkeypatch.setattr("shutil.which", lambda name, **given: None if name == "uv" else which(name, **given))


def built_in(done: subprocess.CompletedProcess[str]) -> str:
    """The SHA-256 of what a process has built."""
    assert done.returncode == 0, done.stderr
    return hashlib.sha256(Path(done.stdout.splitlines()[-1]).read_bytes()).hexdigest()


def test_wheels_are_those_of_lambda_s_python(plugin: Plugin) -> None:
    plugin.file("requirements.txt", "markupsafe==3.0.2\nidna==3.10\n")
    names = plugin.names()
    assert {"index.py", "idna/__init__.py", "markupsafe/_speedups.cpython-313-x86_64-linux-gnu.so"} < names
    assert not [name for name in names if name.startswith("bin/") or name.endswith((".pyc", "/INSTALLER"))]
    record = content(plugin.built(), "MarkupSafe-3.0.2.dist-info/RECORD").decode().splitlines()
    assert record == sorted(record)
    assert {line.partition(",")[0] for line in record} == {
        name for name in names if name.lower().startswith("markupsafe")
    }
    assert sorted(path.name for path in plugin.folder.iterdir()) == ["index.py", "requirements.txt"]


def test_uv_and_pip_and_every_machine_build_the_same_bytes(plugin: Plugin, in_a_process: Process, cache: Path) -> None:
    plugin.file("requirements.txt", "markupsafe==3.0.2\nidna==3.10\n")
    by_uv = built_in(in_a_process("import os; os.umask(0o177)", HOME=str(cache.parent / "home"), TZ="Asia/Tokyo"))
    shutil.rmtree(cache)
    os.utime(plugin.folder / "index.py", (1, 1))
    by_pip = built_in(in_a_process(WITHOUT_UV))
    assert by_uv == by_pip


def test_two_processes_that_build_the_same_at_once_do_not_meet(
    plugin: Plugin, in_a_process: Process, cache: Path
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    plugin.file("requirements.txt", "markupsafe==3.0.2\n")
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda _: in_a_process(), range(2)))
    assert len({built_in(run) for run in runs}) == 1
    assert len(list(cache.glob("*/*.zip"))) == 2


def test_a_change_of_the_sources_takes_the_dependencies_from_the_cache(
    plugin: Plugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin.file("requirements.txt", "six==1.17.0\n")
    plugin.built()
    plugin.file("index.py", "import six\n")
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("biot_provider.recipe.dependencies.install_wheels", None)
    assert {"index.py", "six.py"} < plugin.names()


def test_hashes_are_enforced(plugin: Plugin) -> None:
    plugin.file("requirements.txt", SIX)
    assert "six.py" in plugin.names()
    plugin.file("requirements.txt", SIX.replace("sha256:4", "sha256:5"))
    assert "requirements.txt: six==1.17.0 is not what was locked" in refused(plugin)
    plugin.file("requirements.txt", SIX + "idna==3.10\n")
    assert "requirements.txt: idna==3.10 has no hash, and the others have" in refused(plugin)


@pytest.mark.parametrize("installer", ["uv", "pip"])
@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("uwsgi==2.0.28", "uwsgi 2.0.28 has no wheel for python3.13 on x86_64, and nothing is compiled here"),
        ("idna==99.0", "idna 99.0 is in no index"),
        (SIX.replace("sha256:4", "sha256:5"), "six==1.17.0 is not what was locked"),
    ],
    ids=["no wheel", "no version", "hash"],
)
def test_a_package_that_cannot_be_installed_is_one_line(
    plugin: Plugin, monkeypatch: pytest.MonkeyPatch, installer: str, line: str, problem: str
) -> None:
    if installer == "pip":
        hide_uv(monkeypatch)
    plugin.file("requirements.txt", line)
    assert refused(plugin).startswith(f"HERE: requirements.txt: {problem}")


def test_without_an_installer_the_line_says_how_to_get_one(plugin: Plugin, in_a_process: Process) -> None:
    plugin.file("requirements.txt", "six==1.17.0\n")
    done = in_a_process(WITHOUT_UV.replace("== 'uv'", "in ('uv', 'pip')"))
    assert "needs uv or pip, and neither is here. What to do: `pip install 'biot-provider[build]'`" in done.stderr


def test_what_a_lock_file_does_not_name_is_a_warning(plugin: Plugin) -> None:
    plugin.file("requirements.txt", "jinja2==3.1.6\n")
    plugin.built()
    assert str(plugin.notices[0]).startswith("warning: requirements.txt does not name markupsafe, which it needs")


def test_without_a_network_the_cache_serves(plugin: Plugin, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plugin.file("requirements.txt", "six==1.17.0\n")
    first = plugin.built()
    for name, value in {"UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple", "UV_CACHE_DIR": str(tmp_path / "uv")}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    assert plugin.built() == first
    plugin.file("requirements.txt", "idna==3.10\n")
    assert refused(plugin) == (
        "HERE: requirements.txt: the package index cannot be reached, and the cache does not have what it locks."
        " What to do: build once with a network"
    )


def test_uv_lock_is_followed_and_must_fit(plugin: Plugin) -> None:
    project = '[project]\nname = "p"\nversion = "0"\nrequires-python = ">=3.11"\ndependencies = ["six==1.17.0"]\n'
    plugin.file("pyproject.toml", project + '[dependency-groups]\ndev = ["idna"]\n')
    subprocess.run([uv.find_uv_bin(), "lock", "--quiet"], cwd=plugin.folder, check=True)
    names = plugin.names()
    assert "six.py" in names
    assert "idna/__init__.py" not in names
    assert plugin.sources().file_digests()["uv.lock#six"] == "1.17.0"
    plugin.file("pyproject.toml", project.replace("1.17.0", "1.16.0"))
    assert refused(plugin) == "HERE: uv.lock does not fit pyproject.toml: run `uv lock`"


def test_another_project_in_uv_lock_is_not_taken_for_this_one(plugin: Plugin) -> None:
    project = '[project]\nname = "{}"\nversion = "0"\nrequires-python = ">=3.11"\ndependencies = [{}]\n'
    plugin.file("../another/pyproject.toml", project.format("another", ""))
    sources = '[tool.uv.sources]\nanother = {path = "../another", editable = true}\n'
    plugin.file("pyproject.toml", project.format("own", '"another"') + sources)
    subprocess.run([uv.find_uv_bin(), "lock", "--quiet"], cwd=plugin.folder, check=True)
    assert "the line '-e ../another' is not followed" in refused(plugin)


def test_a_file_in_the_sources_and_in_a_dependency_is_named(plugin: Plugin) -> None:
    plugin.file("six.py")
    plugin.file("requirements.txt", "six==1.17.0\n")
    assert "six.py is in the sources and in a dependency too" in refused(plugin)


def test_npm_installs_for_lambda_and_runs_no_script(plugin: Plugin) -> None:
    plugin.runtime = "nodejs22.x"
    plugin.lock(esbuild="0.25.0")
    manifest = json.loads((plugin.folder / "package.json").read_text())
    manifest["scripts"] = {"postinstall": "exit 7"}
    plugin.file("package.json", json.dumps(manifest))
    plugin.file("node_modules/left/over.js")
    names = plugin.names()
    assert {"node_modules/esbuild/package.json", "node_modules/@esbuild/linux-x64/bin/esbuild"} < names
    assert not [name for name in names if ".bin/" in name or ".package-lock" in name or "left" in name]


def test_npm_s_lock_file_must_fit(plugin: Plugin) -> None:
    plugin.runtime = "nodejs22.x"
    plugin.lock(**{"is-number": "7.0.0"})
    plugin.file("package.json", json.dumps({"dependencies": {"is-number": "6.0.0"}}))
    assert refused(plugin) == (
        "HERE: package-lock.json does not fit package.json (lock file's is-number@7.0.0 does not satisfy"
        " is-number@6.0.0): run `npm install` and commit both"
    )


def test_npm_s_hashes_are_enforced(plugin: Plugin) -> None:
    plugin.runtime = "nodejs22.x"
    plugin.lock(**{"is-number": "7.0.0"})
    lock = (plugin.folder / "package-lock.json").read_text()
    assert '"integrity": "sha512-' in lock
    plugin.file("package-lock.json", lock.replace('"integrity": "sha512-', '"integrity": "sha512-AAAA'))
    assert "package-lock.json: a package is not what was locked" in refused(plugin)


@pytest.mark.long
def test_pnpm_installs_the_same(plugin: Plugin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin.runtime = "nodejs22.x"
    path = os.pathsep.join([str(tmp_path / "node_modules/.bin"), *map(str, node_paths(tmp_path)), os.environ["PATH"]])
    monkeypatch.setenv("PATH", path)
    install = ["npm", "install", "--prefix", str(tmp_path), "--silent", "--no-audit", "pnpm@10.34.9"]
    subprocess.run(install, check=True, capture_output=True)
    plugin.file("package.json", json.dumps({"dependencies": {"is-odd": "3.0.1"}}))
    subprocess.run(["pnpm", "install", "--lockfile-only", "--silent"], cwd=plugin.folder, check=True)
    names = plugin.names()
    assert {"node_modules/is-odd/index.js", "node_modules/is-number/index.js"} < names
    assert not [name for name in names if ".pnpm" in name or ".modules" in name]
    plugin.file("package.json", json.dumps({"dependencies": {"is-odd": "3.0.0"}}))
    assert refused(plugin) == "HERE: pnpm-lock.yaml does not fit package.json: run `pnpm install` and commit both"


def test_a_damaged_entry_of_the_cache_is_made_anew(plugin: Plugin, cache: Path) -> None:
    plugin.file("requirements.txt", "six==1.17.0\n")
    first = plugin.built()
    for entry in cache.glob("*/*"):
        entry.write_bytes(entry.read_bytes()[:200])
    assert plugin.built() == first


@pytest.fixture
def private_index() -> Iterator[str]:
    """The address of an index that gives nothing to anybody."""

    class Refusal(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(int(self.path.split("/")[1]))

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusal) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("status", [401, 403])
def test_a_private_index_wants_credentials(
    plugin: Plugin, private_index: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    denied = f"answers {status}: it wants credentials, or refuses those that it gets."
    plugin.file("requirements.txt", f"--index-url {private_index}/{status}/simple\nAcme_private==1.0\n")
    assert refused(plugin).startswith(f"HERE: requirements.txt: the index {denied}")
    hide_uv(monkeypatch)
    assert refused(plugin).startswith(f"HERE: requirements.txt: the index {denied}")

    plugin.runtime = "nodejs22.x"
    tarball = {"version": "1.0.0", "resolved": f"{private_index}/{status}/a.tgz", "integrity": "sha512-AAAA"}
    packages = {"": {"dependencies": {"a": "1.0.0"}}, "node_modules/a": tarball}
    plugin.file("package.json", json.dumps(packages[""]))
    plugin.file("package-lock.json", json.dumps({"lockfileVersion": 3, "packages": packages}))
    assert refused(plugin).startswith(f"HERE: package-lock.json: the registry {denied}")
