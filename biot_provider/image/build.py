"""Builders: each makes an image of a staged context and writes it to a file of ours; none sees a credential of ours.

Docker's own configuration is the user's: base images from private registries need it, and nothing here changes it.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from biot_provider.errors import ImageError
from biot_provider.image import guard
from biot_provider.image.archive import unpack
from biot_provider.image.context import DOCKERFILE, PLATFORM
from biot_provider.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Iterator

LAST_LINES = 15
"""Lines of a failed build that its error shows."""

_PROBE_SECONDS = 20.0
_NOISE = (
    b"The legacy builder is deprecated",
    b"BuildKit is currently disabled",
    b"Install the buildx component",
    b"https://docs.docker.com/go/buildx/",
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a builder is told beside the files."""

    target: str | None
    build_args: Mapping[str, str]

    def options(self) -> list[str]:
        """The options that all builders have. Values of build arguments stay in the environment."""
        arguments = [option for name in sorted(self.build_args) for option in ("--build-arg", name)]
        return [*(["--target", self.target] if self.target else []), *arguments]


@dataclass(frozen=True, slots=True)
class Builder:
    """How one builder is asked. `{...}` are put in; `remove` takes away what a build left in the builder's store."""

    name: str
    probe: tuple[str, ...]
    build: tuple[str, ...]
    save: tuple[str, ...]
    remove: tuple[str, ...]
    environment: Mapping[str, str]


_COMMON = ("--platform", PLATFORM)
_CONTAINERS = ("--format", "docker")
BUILDERS = (
    Builder(
        "docker-buildx",
        ("docker", "buildx", "inspect", "--bootstrap"),
        # Without provenance, or an index is written where Lambda wants a manifest.
        ("docker", "buildx", "build", *_COMMON, "--provenance=false", "--sbom=false", "--progress=plain", "--load"),
        ("docker", "save", "{tag}"),
        ("docker", "image", "rm", "--force", "{tag}"),
        {},
    ),
    Builder(
        "docker",
        ("docker", "version", "--format", "{{.Server.Version}}"),
        ("docker", "build", *_COMMON),
        ("docker", "save", "{tag}"),
        ("docker", "image", "rm", "--force", "{tag}"),
        # The builder that needs no plugin.
        {"DOCKER_BUILDKIT": "0"},
    ),
    Builder(
        "podman",
        ("podman", "info", "--format", "{{.Host.OS}}"),
        ("podman", "build", *_COMMON, *_CONTAINERS),
        ("podman", "save", "--format", "docker-archive", "{tag}"),
        ("podman", "rmi", "--force", "{tag}"),
        {},
    ),
    Builder(
        "buildah",
        ("buildah", "info", "--format", "{{.host.os}}"),
        ("buildah", "build", *_COMMON, *_CONTAINERS, "--layers"),
        # buildah writes to a file it can seek in, not to a pipe.
        ("buildah", "push", "{tag}", "oci-archive:{file}"),
        ("buildah", "rmi", "--force", "{tag}"),
        {},
    ),
)


def find_builder(name: str | None, environment: Mapping[str, str] | None = None) -> Builder:
    """The builder of this name, or the first that works. Raises ImageError with what kept each from working."""
    wanted = [builder for builder in BUILDERS if name in (None, builder.name)]
    reasons: list[str] = []
    for builder in wanted:
        problem = _probe_problem(builder, _environment(builder, environment))
        if problem is None:
            return builder
        reasons.append(f"{builder.name}: {problem}")
    raise ImageError(
        f"no builder works here ({'; '.join(reasons)})."
        " What to do: install one, or start its daemon; or give code and base_image, which need none"
    )


def probe(environment: Mapping[str, str] | None = None) -> dict[str, str | None]:
    """Each builder and what keeps it from working; None for one that works."""
    return {builder.name: _probe_problem(builder, _environment(builder, environment)) for builder in BUILDERS}


def run_build(
    builder: Builder,
    staged: Path,
    recipe: Recipe,
    output: Path,
    *,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Build a staged context and unpack the image into ``output``.

    Raises ImageError with the builder's last lines when it fails; they show no value of a build argument.
    """
    tag = f"localhost/biot-provider-{secrets.token_hex(6)}:build"
    variables = _environment(builder, environment)
    dockerfile, context = str(staged / DOCKERFILE), str(staged / "context")
    command = [*builder.build, *recipe.options(), "--file", dockerfile, "--tag", tag, context]
    hidden = tuple(recipe.build_args.values())
    _run(builder, command, variables | dict(recipe.build_args), "build", hidden)
    file = staged / "image.tar"
    save = [part.format(tag=tag, file=file) for part in builder.save]
    try:
        if any(str(file) in part for part in save):
            _run(builder, save, variables, "write", hidden)
            with file.open("rb") as stream:
                unpack(stream, output)
            file.unlink()
        else:
            _run(builder, save, variables, "write", hidden, lambda stream: unpack(stream, output))
    finally:
        remove = [part.format(tag=tag) for part in builder.remove]
        # What a builder's store keeps beyond the image is its cache, and makes the next build quick.
        with suppress(subprocess.TimeoutExpired, OSError):
            subprocess.run(  # noqa: S603
                remove, env=variables, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60
            )


def _run(
    builder: Builder,
    command: list[str],
    environment: Mapping[str, str],
    what: str,
    hidden: tuple[str, ...],
    take: Callable[[IO[bytes]], None] | None = None,
) -> None:
    """Run a builder to its end; ``take`` gets its standard output, else that is part of what it says."""
    failed: ImageError | None = None
    with tempfile.TemporaryFile() as errors, _process(command, environment, errors if take else None) as process:
        output = cast("IO[bytes]", process.stdout)
        said: deque[bytes] = deque(maxlen=LAST_LINES)
        if take is None:
            said.extend(line for line in output if _counts(line))
        else:
            try:
                take(output)
            except ImageError as error:
                failed = error
            while output.read(1 << 20):  # or it would wait for somebody to read the rest
                pass
        code = process.wait()
        if take is not None:
            errors.seek(0)
            said.extend(line for line in errors if _counts(line))
    if code != 0:
        lines = redact(b"".join(said).decode(errors="replace"), hidden).splitlines()
        shown = "\n".join(f"  {line.rstrip()}" for line in lines)
        raise ImageError(f"{builder.name} could not {what} the image (exit code {code}); its last lines:\n{shown}")
    if failed is not None:
        raise failed


def _counts(line: bytes) -> bool:
    """Whether a line tells of the build: not blank, and no advertisement for another builder of Docker."""
    return bool(line.strip()) and not any(word in line for word in _NOISE)


@contextmanager
def _process(
    command: list[str], environment: Mapping[str, str], errors: IO[bytes] | None
) -> Iterator[subprocess.Popen[bytes]]:
    """A builder's process, ended with whatever it started when the block is left early or this process is gone."""
    process = subprocess.Popen(  # noqa: S603
        # Isolated (-I), or a build argument named PYTHONPATH would have a say here.
        [sys.executable, "-I", "-S", guard.__file__, *command],
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if errors is None else errors,
    )
    # At its end the block closes the pipe that the guard listens to, and waits for the guard.
    with process:
        yield process


def _probe_problem(builder: Builder, environment: Mapping[str, str]) -> str | None:
    program = builder.probe[0]
    if shutil.which(program, path=environment.get("PATH")) is None:
        return "not installed"
    try:
        done = subprocess.run(  # noqa: S603
            builder.probe,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_PROBE_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {_PROBE_SECONDS:.0f} s"
    except OSError as error:
        return error.strerror or str(error)
    if done.returncode == 0:
        return None
    said = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    return said[0][:200] if said else f"exit code {done.returncode}"


def _environment(builder: Builder, environment: Mapping[str, str] | None) -> dict[str, str]:
    """This process's environment, without what is the provider's own business."""
    given = dict(os.environ if environment is None else environment)
    kept = {key: value for key, value in given.items() if not key.startswith(("BIOT_", "PULUMI_"))}
    isolation = {} if _has_user_namespaces() else {"BUILDAH_ISOLATION": "chroot"}
    return isolation | kept | dict(builder.environment)


def _has_user_namespaces() -> bool:
    """Whether a process may have a user namespace of its own; buildah and podman isolate a build by one."""
    limit = Path("/proc/sys/user/max_user_namespaces")
    try:
        return os.geteuid() != 0 and int(limit.read_text()) > 0
    except (OSError, ValueError):
        return True
