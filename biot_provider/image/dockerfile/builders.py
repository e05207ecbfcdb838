"""Builders: each builds an image from a staged context and writes it to a file, without the platform's credentials.

Docker's configuration belongs to the user: base images from private registries need it, and this module never changes
it.
"""

from __future__ import annotations

import functools
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from biot_provider.api.cancellation import ended_by, is_cancelled, stop_if_cancelled
from biot_provider.api.redaction import redact
from biot_provider.errors import ImageError
from biot_provider.image.dockerfile.archive import unpack
from biot_provider.image.dockerfile.context import PLATFORM
from biot_provider.image.dockerfile.options import Options
from biot_provider.image.dockerfile.probes import probe_problem
from biot_provider.recipe import guard

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from biot_provider.image.dockerfile.staged import Staged

LAST_LINES = 15
"""Number of output lines of a failed build that its error shows."""

_REMOVAL_SECONDS = 60.0
_CANCELLED_REMOVAL_SECONDS = 1.0
_NOISE = (
    b"The legacy builder is deprecated",
    b"BuildKit is currently disabled",
    b"Install the buildx component",
    b"environment-variable.",
    b"https://docs.docker.com/go/buildx/",
)


@dataclass(frozen=True, slots=True)
class Builder:
    """The commands of one builder, in which `{...}` are filled in.

    ``remove`` deletes what a build left in the builder's store. With ``takes_tar`` the builder reads the context from
    standard input, so that it does not apply ignore rules a second time.
    """

    name: str
    probes: tuple[tuple[str, ...], ...]
    build: tuple[str, ...]
    save: tuple[str, ...]
    remove: tuple[str, ...]
    takes_tar: bool = False
    takes_secrets: bool = True
    environment: Mapping[str, str] = field(default_factory=dict)


_OPTIONS = "{options}"
_COMMON = ("--platform", PLATFORM, "--tag", "{tag}", _OPTIONS)
_OUTSIDE = ("--file", "{dockerfile}", "{context}")
# The ignore rules were applied already: the builder must not apply them again in its own way.
_CONTAINERS = ("--format", "docker", "--ignorefile", "{no_rules}")
_DAEMON = ("docker", "version", "--format", "{{.Server.Version}}")
BUILDERS = (
    Builder(
        "docker-buildx",
        (_DAEMON, ("docker", "buildx", "inspect")),
        # Without this, provenance would turn the image into an index, but Lambda needs a manifest.
        ("docker", "buildx", "build", *_COMMON, "--provenance=false", "--sbom=false", "--progress=plain", "--load",
         *_OUTSIDE),
        ("docker", "save", "{tag}"),
        ("docker", "image", "rm", "--force", "{tag}"),
    ),
    Builder(
        "docker",
        (_DAEMON,),
        ("docker", "build", *_COMMON, "--file", "{name}", "-"),
        ("docker", "save", "{tag}"),
        ("docker", "image", "rm", "--force", "{tag}"),
        takes_tar=True,
        takes_secrets=False,
        # The classic builder, which needs no plugin.
        environment={"DOCKER_BUILDKIT": "0"},
    ),
    Builder(
        "podman",
        (("podman", "info", "--format", "{{.Host.OS}}"),),
        ("podman", "build", *_COMMON, *_CONTAINERS, *_OUTSIDE),
        ("podman", "save", "--format", "docker-archive", "{tag}"),
        ("podman", "rmi", "--force", "{tag}"),
    ),
    Builder(
        "buildah",
        (("buildah", "info", "--format", "{{.host.os}}"),),
        ("buildah", "build", *_COMMON, *_CONTAINERS, "--layers", *_OUTSIDE),
        # buildah needs a seekable file, not a pipe.
        ("buildah", "push", "{tag}", "oci-archive:{file}"),
        ("buildah", "rmi", "--force", "{tag}"),
    ),
)  # fmt: skip


def find_builder(
    name: str | None, environment: Mapping[str, str] | None = None, *, with_secrets: bool = False
) -> Builder:
    """Return the builder of this name, or the first that works; ``with_secrets``: among those that can mount secrets.

    Raises ImageError with the reason for each builder that does not work.
    """
    wanted = [builder for builder in BUILDERS if name in (None, builder.name)]
    reasons: list[str] = []
    for builder in wanted:
        if with_secrets and not builder.takes_secrets:
            reasons.append(f"{builder.name}: cannot mount secrets without BuildKit")
            continue
        problem = _problem(builder, _environment(builder, environment))
        if problem is None:
            return builder
        reasons.append(f"{builder.name}: {problem}")
    raise ImageError(
        f"no builder works here ({'; '.join(reasons)})",
        "BIOT-4030",
        advice="install one, or start its daemon; or give code and base_image, which need none",
    )


def probe(environment: Mapping[str, str] | None = None) -> dict[str, str | None]:
    """Return each builder with the reason why it does not work; None for a working one."""
    return {builder.name: _problem(builder, _environment(builder, environment)) for builder in BUILDERS}


def run_build(
    builder: Builder,
    staged: Staged,
    given: Options,
    folder: Path,
    *,
    environment: Mapping[str, str] | None = None,
) -> Path:
    """Build a staged context, unpack the image below ``folder`` and return its path.

    ``folder`` is used only by this build: it is removed when this process is killed, or the build is cancelled. Raises
    ImageError with the builder's last lines if it fails, without values of build arguments or secrets, and
    CancelledError.
    """
    output, file = folder / "output", folder / "image.tar"
    words = {
        "tag": f"localhost/biot-provider-{secrets.token_hex(6)}:build",
        "dockerfile": staged.dockerfile,
        "name": staged.name,
        "context": staged.context,
        "no_rules": staged.no_rules,
        "file": file,
    }
    build, save, remove = (
        [word for part in command for word in (given.options() if part == _OPTIONS else [part.format(**words)])]
        for command in (builder.build, builder.save, builder.remove)
    )
    stdin = staged.tar() if builder.takes_tar else Path(os.devnull)
    variables = _environment(builder, environment)
    run = functools.partial(_run, builder, folder=folder, stdin=stdin, hidden=given.hidden())
    run(build, variables | given.environment(), "build")
    try:
        if "{file}" in builder.save[-1]:
            run(save, variables, "write")
            with file.open("rb") as stream:
                unpack(stream, output)
            file.unlink()
        else:
            run(save, variables, "write", take=lambda stream: unpack(stream, output))
    finally:
        # Only the image is deleted from the builder's store: the rest is its cache, which speeds up the next build.
        with suppress(subprocess.TimeoutExpired, OSError):
            subprocess.run(  # noqa: S603
                remove,
                env=variables,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                timeout=_CANCELLED_REMOVAL_SECONDS if is_cancelled() else _REMOVAL_SECONDS,
            )
    return output


def _run(
    builder: Builder,
    command: list[str],
    environment: Mapping[str, str],
    step: str,
    *,
    folder: Path,
    stdin: Path,
    hidden: tuple[str, ...],
    take: Callable[[IO[bytes]], None] | None = None,
) -> None:
    """Run a builder to its end; ``take`` reads its standard output, which otherwise is shown if the builder fails."""
    failed: ImageError | None = None
    with (
        tempfile.TemporaryFile() as errors,
        _process([str(folder), str(stdin), *command], environment, errors if take else None) as process,
    ):
        output = cast("IO[bytes]", process.stdout)
        last_lines: deque[bytes] = deque(maxlen=LAST_LINES)
        if take is None:
            last_lines.extend(_of_the_build(output))
        else:
            try:
                take(output)
            except ImageError as error:
                failed = error
            while output.read(1 << 20):  # otherwise the builder would block on unread output
                pass
        code = process.wait()
        stop_if_cancelled()
        if take is not None:
            errors.seek(0)
            last_lines.extend(_of_the_build(errors))
    if code != 0:
        lines = redact(b"\n".join(last_lines).decode(errors="replace"), hidden).split("\n")
        shown = "\n".join(f"  {line}" for line in lines)
        raise ImageError(
            f"{builder.name} could not {step} the image (exit code {code}); its last lines:\n{shown}", "BIOT-4031"
        )
    if failed is not None:
        raise failed


def _of_the_build(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines about the build, without blank lines and advertisements; of progress only the last state."""
    for line in lines:
        last = line.rstrip().rpartition(b"\r")[2]
        if last and not any(word in last for word in _NOISE):
            yield last


@contextmanager
def _process(
    command: list[str], environment: Mapping[str, str], errors: IO[bytes] | None
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a builder; it ends, with its child processes, if the block is left early or this process is gone."""
    process = subprocess.Popen(  # noqa: S603
        # Isolated (-I), so that a build argument named PYTHONPATH has no effect on the guard.
        [sys.executable, "-I", "-S", guard.__file__, *command],
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if errors is None else errors,
        # The engine kills the provider's whole process group: the guard must survive that to end the builder.
        start_new_session=True,
    )
    # When the block ends, the pipe closes, which ends the guard; the block waits for it.
    with process, ended_by(cast("IO[bytes]", process.stdin).close):
        yield process


def _problem(builder: Builder, environment: Mapping[str, str]) -> str | None:
    """Return the reason why a builder does not work; None if it works."""
    if shutil.which(builder.build[0], path=environment.get("PATH")) is None:
        return "not installed"
    problems = (probe_problem(probe, environment) for probe in builder.probes)
    return next((problem for problem in problems if problem is not None), None)


def _environment(builder: Builder, environment: Mapping[str, str] | None) -> dict[str, str]:
    """Return this process's environment, without the variables of the provider and of Pulumi."""
    given = dict(os.environ if environment is None else environment)
    kept = {key: value for key, value in given.items() if not key.startswith(("BIOT_", "PULUMI_"))}
    isolation = {} if _has_user_namespaces() else {"BUILDAH_ISOLATION": "chroot"}
    return isolation | kept | dict(builder.environment)


def _has_user_namespaces() -> bool:
    """Return whether a process may create a user namespace, with which buildah and podman isolate a build."""
    limit = Path("/proc/sys/user/max_user_namespaces")
    try:
        return os.geteuid() != 0 and int(limit.read_text()) > 0
    except (OSError, ValueError, AttributeError):  # AttributeError: Windows has no such ids
        return True
