"""Builds an engine from what the Go module proxy has: Pulumi's CLI, and the language host of this project."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import cache
import golang
from processes import run
from progress import Progress, report
from unavailable import UnavailableError

PACKAGES = ("github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", "./pulumi-language-python")
"""Each becomes a command of the engine."""

SDK = "github.com/pulumi/pulumi/sdk/v3"
SCRIPTS = ("python/dist/pulumi-resource-pulumi-python", "python/cmd/pulumi-language-python-exec")
"""What the SDK's module holds of the engine; they belong beside the CLI."""


def build(progress: Progress) -> Path:
    """Build the engine into the cache and return the folder of its commands. The caller holds the cache's lock.

    Raises:
        UnavailableError: a registry cannot be reached, or the build fails.
    """
    folder = cache.engine_folder()
    report(f"building Pulumi {cache.VERSION} from source; this happens once and takes about four minutes")
    with cache.work_folder() as work:
        go = golang.find(work, progress)
        progress.stage(f"using {go.origin}")
        source = work / "source"
        for file in cache.inputs():
            # Apart from the clone: Go never writes there, and no workspace above it has a say.
            copied = source / file.relative_to(cache.SOURCES)
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copied)

        def command(*arguments: str, seen: Callable[[str], object] = str, timeout: float | None = None) -> str:
            return run([go.command, *arguments], env=go.env, cwd=source, seen=seen, timeout=timeout)

        progress.stage("downloading modules")
        count = _Counter(progress, "go: downloading", "{} modules")
        listed = command("list", "-mod=readonly", "-deps", *PACKAGES, seen=count, timeout=golang.DOWNLOAD)
        total = sum(not line.startswith("go: ") for line in listed.splitlines())

        progress.stage("compiling")
        commands = work / "engine" / "bin"
        commands.mkdir(parents=True)
        count = _Counter(progress, "", f"{{}} of {total} packages")
        flags = f"-s -w -X {SDK}/go/common/version.Version=v{cache.VERSION}"
        # The linker drops what debuggers need; not even to compile it saves a fifth of the time.
        lean = ["-trimpath", "-buildvcs=false", "-gcflags=all=-dwarf=false", "-ldflags", flags]
        command("build", "-mod=readonly", "-v", *lean, "-o", f"{commands}/", *PACKAGES, seen=count)

        sdk = command("list", "-mod=readonly", "-m", "-f", "{{.Dir}}", SDK).splitlines()[-1]
        for name in SCRIPTS:
            copied = commands / Path(name).name
            shutil.copyfile(Path(sdk) / name, copied)
            copied.chmod(0o755)
        _check_version(commands / "pulumi", work)
        cache.publish(commands.parent, folder)
    return folder / "bin"


class _Counter:
    """Counts the lines that begin with a word, and shows the count."""

    def __init__(self, progress: Progress, word: str, text: str) -> None:
        self._progress, self._word, self._text = progress, word, text
        self._count = 0

    def __call__(self, line: str) -> None:
        if line.startswith(self._word):
            self._count += 1
            self._progress.detail(self._text.format(self._count))


def _check_version(pulumi: Path, work: Path) -> None:
    environment = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "1", "PULUMI_HOME": str(work / "home")}
    printed = run([pulumi, "version"], env=environment, timeout=60)
    if f"v{cache.VERSION}" not in printed.split():
        raise UnavailableError(f"what was built calls itself {printed}, not v{cache.VERSION}")
