"""Makes an engine from what package registries have: the CLI from the Go module proxy, the host's Python from PyPI."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import cache
import golang
from processes import run
from progress import Progress, say
from unavailable import UnavailableError

PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
SDK = "github.com/pulumi/pulumi/sdk/v3"
SCRIPTS = ("python/dist/pulumi-resource-pulumi-python", "python/cmd/pulumi-language-python-exec")
"""In the SDK's module; they belong beside the CLI."""

DOWNLOAD = 1800.0
"""Seconds that one step of downloads may take, on a slow line."""

Pip = Callable[..., None]


def build(progress: Progress) -> Path:
    """Make what is missing of the engine; the folder of its commands. The cache's lock is held by the caller.

    :raises UnavailableError: a registry cannot be reached, or a build fails.
    """
    folder = cache.engine_folder()
    incomplete = cache.flaw(cache.cli_folder())
    if incomplete:
        say(f"building the Pulumi CLI {cache.VERSION} from source; this happens once and takes about four minutes")
    with cache.work_folder() as work:
        python = work / "engine" / "python"
        pip = host_python(python, progress)
        if incomplete:
            _build_cli(work, pip, progress)
        progress.stage("putting the engine together")
        assemble(work / "engine", cache.cli_folder())
        cache.publish(work / "engine", folder)
    return folder / "bin"


def host_python(python: Path, progress: Progress) -> Pip:
    """The virtual environment of the language host; returns its pip, for whatever else comes from PyPI."""
    progress.stage("installing the language host")
    # Not what a user's settings for his own projects say about where packages go.
    kept = {name: value for name, value in os.environ.items() if name not in _MISLEADING}
    environment = kept | {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    run([sys.executable, "-m", "venv", python], env=environment)

    def pip(*arguments: str) -> None:
        run(
            [python / "bin" / "python", "-m", "pip", "--quiet", "install", *arguments],
            env=environment,
            timeout=DOWNLOAD,
        )

    pip("--require-hashes", "--no-deps", "-r", str(cache.SOURCES / "host-requirements.txt"))
    return pip


_MISLEADING = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER", "PIP_REQUIRE_VIRTUALENV", "PYTHONPATH", "PYTHONHOME")


def _build_cli(work: Path, pip: Pip, progress: Progress) -> None:
    go = golang.find(work, pip, progress)
    progress.stage(f"using {go.origin}")
    source, made = work / "source", work / "cli"
    source.mkdir()
    made.mkdir()
    for name in ("go.mod", "go.sum"):
        # Apart from the clone: Go never writes there, and no workspace above it has a say.
        shutil.copyfile(cache.SOURCES / name, source / name)

    progress.stage("downloading modules")
    count = _Counter(progress, "go: downloading", "{} modules")
    listed = run(
        [go.command, "list", "-mod=readonly", "-deps", PACKAGE], env=go.env, cwd=source, seen=count, timeout=DOWNLOAD
    )
    total = len(listed.splitlines())

    progress.stage("compiling")
    count = _Counter(progress, "", f"{{}} of {total} packages")
    binary = made / "pulumi"
    flags = f"-s -w -X {SDK}/go/common/version.Version=v{cache.VERSION}"
    options = ["-mod=readonly", "-trimpath", "-buildvcs=false", "-v", "-ldflags", flags, "-o", str(binary)]
    run([go.command, "build", *options, PACKAGE], env=go.env, cwd=source, seen=count)

    sdk = run([go.command, "list", "-mod=readonly", "-m", "-f", "{{.Dir}}", SDK], env=go.env, cwd=source).strip()
    for name in SCRIPTS:
        copied = made / Path(name).name
        shutil.copyfile(Path(sdk) / name, copied)
        copied.chmod(0o755)
    _check_version(binary, work)
    cache.write_manifest(made, sorted(made.iterdir()), go=go.version)
    cache.publish(made, cache.cli_folder())


class _Counter:
    """Counts the lines that begin with a word, and shows the count."""

    def __init__(self, progress: Progress, word: str, text: str) -> None:
        self._progress, self._word, self._text = progress, word, text
        self._count = 0

    def __call__(self, line: str) -> None:
        if line.startswith(self._word):
            self._count += 1
            self._progress.detail(self._text.format(self._count))


def _check_version(binary: Path, work: Path) -> None:
    environment = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "1", "PULUMI_HOME": str(work / "home")}
    said = run([binary, "version"], env=environment, timeout=60).strip()
    if said != f"v{cache.VERSION}":
        raise UnavailableError(f"what was built calls itself {said}, not v{cache.VERSION}")


def assemble(made: Path, commands: Path) -> None:
    """Put the CLI and the scripts in `commands` and the language host side by side, in a folder with its Python."""
    together = made / "bin"
    together.mkdir()
    launcher = together / "pulumi-language-python"
    for file in commands.iterdir():
        if file.name not in (launcher.name, "manifest.json"):
            _link(file, together / file.name)
    shutil.copyfile(cache.SOURCES / launcher.name, launcher)
    launcher.chmod(0o755)
    python = made / "python" / "bin" / "python"
    packages = next((made / "python" / "lib").glob("python*/site-packages"))
    shutil.copytree(
        cache.SOURCES / "language_host", packages / "language_host", ignore=shutil.ignore_patterns("__pycache__")
    )
    run([python, "-m", "pip", "--quiet", "uninstall", "--yes", "pip", "setuptools"])
    # Compiled now: whoever uses the engine later may not write here.
    run([python, "-I", "-m", "compileall", "-q", packages])
    cache.write_manifest(made, sorted(together.iterdir()), python=os.path.realpath(python))


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        # Not every file system has hard links.
        shutil.copy2(source, target)
