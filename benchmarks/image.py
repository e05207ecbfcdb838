"""The benchmarks of container images: `make bench`.

`pulumi up` of one `biot.PluginImage` against `docker build && docker push` by hand, to the same registry and, where it
takes a Dockerfile, by the same Docker daemon: with nothing changed, with one file changed, and with one file changed
where the image is a base image and code, which takes no Docker at all.

It needs what `tools/test_servers.py --install` installs, and root for the Docker daemon.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from itertools import count
from pathlib import Path

from run import ROUNDS, paired

from biot_provider.emulator import Platform

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.image import servers

_LIBRARY = 20 * 1024 * 1024
"""Bytes of what does not change: a library, a model."""

_DOCKERFILE = """\
FROM scratch
COPY library.bin /var/task/
COPY index.py /var/task/
CMD ["index.handler"]
"""
_PROJECT = """\
name: bench
runtime: {{name: python, options: {{virtualenv: {venv}}}}}
config:
  biot:baseUrl: embedded:{platform}
"""
_FROM_DOCKERFILE = 'biot.PluginImage("bench", context="context", builder="docker")'
_FROM_CODE = 'biot.PluginImage("bench", code="code", base_image="{base}", handler="index.handler")'


class Project:
    """A stack of one image, and the context it is made of."""

    def __init__(self, folder: Path, declaration: str, platform: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._changes = count()
        context = folder / "context"
        context.mkdir(parents=True)
        (folder / "code").mkdir()
        (context / "Dockerfile").write_text(_DOCKERFILE)
        (context / "library.bin").write_bytes(os.urandom(_LIBRARY))
        (folder / "Pulumi.yaml").write_text(_PROJECT.format(venv=sys.prefix, platform=platform))
        (folder / "__main__.py").write_text(f"import biot_provider as biot\n\n{declaration}\n")
        (folder / "state").mkdir()
        self._environment = {
            **environment,
            "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "",
            "PULUMI_SKIP_UPDATE_CHECK": "1",
        }
        self.change()
        self._pulumi("stack", "init", "bench")
        self.up()

    def change(self) -> None:
        """Change one file, of the context and of the code."""
        text = f"def handler(event, context):\n    return {next(self._changes)}\n"
        for folder in ("context", "code"):
            (self._folder / folder / "index.py").write_text(text)

    def up(self) -> None:
        """Run the deployment that is measured."""
        self._pulumi("up", "--stack", "bench", "--yes", "--skip-preview")

    def by_hand(self, reference: str) -> None:
        """Do by hand what a user does without this package, already logged in."""
        for words in (("build", "--quiet", "--tag", reference, "context"), ("push", "--quiet", reference)):
            run(["docker", *words], self._folder, self._environment)

    def _pulumi(self, *words: str) -> None:
        run(["pulumi", *words, "--non-interactive"], self._folder, self._environment)


def run(command: list[str], folder: Path, environment: Mapping[str, str], given: str = "") -> None:
    """Run a command to its end."""
    done = subprocess.run(  # noqa: S603
        command, cwd=folder, env=environment, input=given, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")


def timed(act: Callable[[], None]) -> float:
    """Return the seconds it takes."""
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def changed(project: Project, act: Callable[[], None]) -> Callable[[], float]:
    """Seconds of an act after a change of one file."""

    def measure() -> float:
        project.change()
        return timed(act)

    return measure


def main() -> None:
    """Run them all."""
    with ExitStack() as ending:
        root = Path(ending.enter_context(tempfile.TemporaryDirectory()))
        ecr = ending.enter_context(servers.moto_ecr())
        registry = ending.enter_context(servers.docker_registry(root / "registry", "AWS", ecr.password))
        environment = {
            **os.environ,
            "SSL_CERT_FILE": str(registry.ca),
            "AWS_ENDPOINT_URL_ECR": ecr.url,
            "DOCKER_HOST": ending.enter_context(servers.dockerd(root / "docker")),
            "DOCKER_CONFIG": str(root / "docker-config"),
        }
        platform = ending.enter_context(Platform(root / "platform"))
        answer = ecr.temp_credentials(registry.host)
        platform.faults.add(method="GET", path="/temp-credentials$", times=None, status=200, json=answer)
        login = ["docker", "login", "--username", registry.username, "--password-stdin", registry.host]
        run(login, root, environment, ecr.password)
        repository = f"{registry.host}/{servers.REPOSITORY}"
        reference, base = f"{repository}:by-hand", f"{repository}:base"

        built = Project(root / "built", _FROM_DOCKERFILE, root / "platform", environment)
        built.by_hand(base)
        layered = Project(root / "layered", _FROM_CODE.format(base=base), root / "platform", environment)

        def hand() -> None:
            built.by_hand(reference)

        than = "by hand"
        paired("image, nothing changed", lambda: timed(built.up), lambda: timed(hand), ROUNDS, than)
        paired("image, one file changed", changed(built, built.up), changed(built, hand), ROUNDS, than)
        title = "image of base and code, one file changed"
        paired(title, changed(layered, layered.up), changed(built, hand), ROUNDS, than)


if __name__ == "__main__":
    main()
