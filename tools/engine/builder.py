"""Builds from modules of the Go module proxy: Pulumi's CLI with this project's language host, or the YAML host."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import cache
import golang
from processes import run
from progress import Progress, report
from unavailable import UnavailableError

SDK = "github.com/pulumi/pulumi/sdk/v3"
SCRIPTS = ("python/dist/pulumi-resource-pulumi-python", "python/cmd/pulumi-language-python-exec")
"""Scripts in the SDK's module that belong beside the CLI."""


def build(part: cache.Part, progress: Progress) -> Path:
    """Build a part into the cache and return the folder of its commands. The caller holds the cache's lock.

    Raises:
        UnavailableError: a registry cannot be reached, or the build fails.
    """
    folder = cache.folder_of(part)
    report(f"building {part.title} {part.version} from source; this happens once and takes about {part.takes}")
    with cache.work_folder() as work:
        go = golang.find(work, progress)
        progress.stage(f"using {go.origin}")
        source = work / "source"
        for file in cache.inputs(part):
            # Outside of the clone, so that Go never writes there, and no Go workspace above it has an effect.
            copied = source / file.relative_to(cache.SOURCES)
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copied)
        module = source / part.module

        def command(*arguments: str, seen: Callable[[str], object] = str, timeout: float | None = None) -> str:
            return run([go.command, *arguments], env=go.env, cwd=module, seen=seen, timeout=timeout)

        progress.stage("downloading modules")
        count = _Counter(progress, "go: downloading", "{} modules")
        listed = command("list", "-mod=readonly", "-deps", *part.packages, seen=count, timeout=golang.DOWNLOAD)
        total = sum(not line.startswith("go: ") for line in listed.splitlines())

        progress.stage("compiling")
        commands = work / "made" / "bin"
        commands.mkdir(parents=True)
        count = _Counter(progress, "", f"{{}} of {total} packages")
        flags = f"-s -w -X {part.stamp}=v{part.version}"
        # The linker drops debug information anyway; not compiling it saves a fifth of the time.
        lean = ["-trimpath", "-buildvcs=false", "-gcflags=all=-dwarf=false", "-ldflags", flags]
        command("build", "-mod=readonly", "-v", *lean, "-o", f"{commands}/", *part.packages, seen=count)

        if part == cache.ENGINE:
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
