"""Real builders, a real registry with TLS and a password, ECR's login; another tool reads the image back."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pulumi.runtime.rpc import is_rpc_secret

from biot_provider.errors import ImageError
from biot_provider.image.dockerfile.builders import find_builder, probe

from ...uncoded import uncoded
from ..declared import plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..declared import Images
    from ..servers import DockerRegistry, Ecr

DOCKERFILE = """\
FROM scratch AS made
COPY busybox /bin/busybox
COPY greet.sh src /app/
ARG GREETING
RUN ["/bin/busybox", "sh", "-c", "echo \\"$GREETING\\" > /app/greeting"]

FROM scratch AS plugin
COPY --from=made /app /var/task
COPY . /var/task/all
CMD ["index.handler"]

FROM scratch AS another
COPY src /another
"""
BUILDERS = ("buildah", "podman", "docker")


@pytest.fixture(params=BUILDERS)
def builder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A builder's name, with that builder ready in this process's environment."""
    name = str(request.param)
    storage: dict[str, str] = request.getfixturevalue("builder_environment")
    for key in storage.keys() - os.environ.keys():
        monkeypatch.setenv(key, storage[key])
    if name == "docker":
        monkeypatch.setenv("DOCKER_HOST", request.getfixturevalue("dockerd"))
    return name


def declare(images: Images) -> None:
    busybox = shutil.which("busybox")
    assert busybox is not None
    images.file("context/busybox", Path(busybox).read_bytes(), executable=True)
    images.file("context/Dockerfile", DOCKERFILE)
    images.file("context/.dockerignore", "*.log\nbusybox.not\n")
    images.file("context/x.log", "left out")
    images.file("context/greet.sh", "#!/bin/sh\n", executable=True)
    images.file("context/src/index.py", "def handler(event, context): ...\n")


def test_an_image_is_built_pushed_and_read_back(
    builder: str, images: Images, ecr: Ecr, docker_registry: DockerRegistry, monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path, capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    declare(images)
    images.use(ecr, docker_registry, monkeypatch)
    arguments = {"context": "context", "target": "plugin", "builder": builder, "build_args": {"GREETING": builder}}
    state = images.create(**arguments)

    image = docker_registry.pull(state["image_tag"], tmp_path / "pulled")
    task = {path.removeprefix("var/task/"): text for path, text in image.files.items() if path.startswith("var/task/")}
    assert task["greeting"] == f"{builder}\n".encode()
    assert task["index.py"] == task["all/src/index.py"] == b"def handler(event, context): ...\n"
    # What the builder gets is what was hashed, its ignore rules and Dockerfile as they are, and nothing else.
    assert {path for path in task if path.startswith("all/")} == {
        "all/.dockerignore", "all/Dockerfile", "all/busybox", "all/greet.sh", "all/src/index.py",
    }  # fmt: skip
    assert task["all/.dockerignore"] == (images.folder / "context/.dockerignore").read_bytes()
    assert {"var/task/greet.sh", "var/task/all/greet.sh", "var/task/all/busybox"} == set(image.executables)
    assert (image.config["os"], image.config["architecture"]) == ("linux", "amd64")
    assert image.config["config"]["Cmd"] == ["index.handler"]
    assert all(layer["mediaType"].endswith("gzip") for layer in image.manifest["layers"])
    assert "manifests" not in image.manifest
    assert state["image_tag"] == f"wave-{state['context_digest'][:32]}"
    assert state["repository_uri"] == f"{docker_registry.host}/biot-plugins"

    lines = capfd.readouterr().err.splitlines()
    size, seconds = r"\d+(\.\d)? (k|M)B", r"\d+\.\d s"
    stages = [rf"building {size} by {builder} \.\.\.", f"built in {seconds}",
              rf"pushing {size} as {state['image_tag']} \.\.\.", f"pushed in {seconds}"]  # fmt: skip
    for line, stage in zip(lines, stages, strict=True):
        assert re.fullmatch(f"image 'wave': {stage}", line)

    assert images.another_process().create(**arguments) == state
    assert capfd.readouterr().err == ""


def test_a_dockerfile_outside_of_the_context_is_built_with_the_context_alone(
    builder: str, images: Images, ecr: Ecr, docker_registry: DockerRegistry, monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:  # fmt: skip
    images.file("Dockerfile", "FROM scratch\nCOPY . /all/\n")
    images.file("context/Dockerfile", f"FROM scratch\nCOPY missing-{builder} /\n")
    images.file("context/.biot/local/keys.json", "canary")
    images.use(ecr, docker_registry, monkeypatch)
    state = images.create(context="context", dockerfile="../Dockerfile", builder=builder)

    image = docker_registry.pull(state["image_tag"], tmp_path / "pulled")
    assert set(image.files) == {"all/Dockerfile"}


def test_a_secret_is_mounted_and_stays_out_of_the_image_and_the_state(
    builder: str, images: Images, ecr: Ecr, docker_registry: DockerRegistry, monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path, capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    declare(images)
    dockerfile = (
        "FROM scratch\nCOPY busybox /bin/busybox\nRUN --mount=type=secret,id=index.token "
        '["/bin/busybox", "sh", "-c", "/bin/busybox wc -c < /run/secrets/index.token > /size"]\n'
    )
    images.file("context/Dockerfile", dockerfile)
    images.use(ecr, docker_registry, monkeypatch)
    value = f"token-{os.urandom(9).hex()}\nof two lines"
    arguments: dict[str, Any] = {"context": "context", "builder": builder, "secrets": {"index.token": value}}
    if builder == "docker":
        (problem,) = images.problems(**arguments)
        assert "docker: cannot mount secrets without BuildKit" in problem
        return
    state = images.create(**arguments)
    image = docker_registry.pull(state["image_tag"], tmp_path / "pulled")
    assert image.files["size"] == f"{len(value)}\n".encode()
    words = value.encode().split(b"\n")
    for file in [*(tmp_path / "pulled").rglob("*"), images.folder]:
        assert not file.is_file() or not any(word in file.read_bytes() for word in words)
    assert value.split("\n")[0] not in capfd.readouterr().err
    assert is_rpc_secret(images._check({}, arguments).inputs["secrets"]["index.token"])
    other = images.inputs(**{**arguments, "secrets": {"index.token": "another value"}})
    assert other["image_tag"] == state["image_tag"]

    failing = dockerfile.replace("/bin/busybox wc -c <", "/bin/busybox cat /run/secrets/index.token; false ")
    images.file("context/Dockerfile", failing)
    failure = images.failure(**arguments)
    assert f"{builder} could not build the image" in failure
    assert value.split("\n")[0] not in failure


def test_an_update_pushes_the_changed_layer_alone(builder: str, images: Images) -> None:
    images.file("context/Dockerfile", "FROM scratch\nCOPY library.bin /\nCOPY index.py /\n")
    images.file("context/library.bin", "canary-library" * 10_000)
    images.file("context/index.py", "one")
    arguments = {"context": "context", "builder": builder}
    state = images.create(**arguments)
    images.file("context/index.py", "two")
    before = len(images.requests())
    new = plain(images.provider.update("wave", state, images.inputs(state, **arguments)).outs)
    requests = images.requests()[before:]
    assert f"GET /v2/biot-plugins/manifests/{state['image_tag']}" in requests
    assert (
        len([request for request in requests if request.startswith("PUT /v2/biot-plugins/blobs/")]) == 2
    )  # and its config
    assert images.platform.images.tags() == {made["image_tag"]: made["digest"] for made in (state, new)}


def test_a_target_is_part_of_what_is_built(builder: str, images: Images) -> None:
    declare(images)
    one = images.create(context="context", target="another", builder=builder)
    two = images.create(context="context", target="made", builder=builder)
    assert one["digest"] != two["digest"]
    assert images.platform.images.tags() == {state["image_tag"]: state["digest"] for state in (one, two)}


LOUD = "i=0; while [ $i -lt 40 ]; do i=$((i+1)); echo line $i $TOKEN; done; exit 3"


@pytest.mark.parametrize(
    ("step", "reason"),
    [(f'RUN ["/bin/busybox", "sh", "-c", "{LOUD}"]', "line 40"), ("COPY absent.txt /", "absent.txt")],
    ids=["run", "copy"],
)
def test_a_failed_build_shows_the_builders_last_lines_without_build_arguments(
    step: str, reason: str, builder: str, images: Images
) -> None:
    declare(images)
    images.file("context/Dockerfile", f"FROM scratch\nCOPY busybox /bin/\nENV PATH=/bin\nARG TOKEN\n{step}\n")
    text = images.failure(context="context", builder=builder, build_args={"TOKEN": "canary-argument"})
    first, *lines = text.split("\n")
    assert first.startswith(f"{builder} could not build the image (exit code ")
    assert uncoded(first).endswith("); its last lines:")
    assert 0 < len(lines) <= 15
    assert reason in text
    assert "canary-argument" not in text
    assert "legacy builder is deprecated" not in text
    assert images.platform.images.tags() == {}


def test_what_a_build_leaves_behind_is_removed(
    builder: str, images: Images, builder_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "temporary").mkdir()
    declare(images)
    images.create(context="context", builder=builder)
    program = {"docker": ["docker", "image", "ls"], "podman": ["podman", "images"], "buildah": ["buildah", "images"]}
    listed = subprocess.run(program[builder], env=os.environ, capture_output=True, text=True, check=True).stdout
    assert "biot-provider" not in listed
    assert not [path.name for path in (tmp_path / "temporary").iterdir() if path.name.startswith("biot-image-")]


def test_a_builder_gets_no_credential_and_the_users_docker_configuration_as_it_is(
    images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, builder_environment: dict[str, str]
) -> None:
    seen = tmp_path / "seen"
    wrapper = images.file(
        "bin/buildah", f'#!/bin/sh\nenv >> {seen}; echo "$@" >> {seen}\nexec {shutil.which("buildah")} "$@"\n',
        executable=True,
    )  # fmt: skip
    docker = images.file("docker/config.json", '{"auths": {"registry.example": {"auth": "canary-own"}}}')
    for key in builder_environment.keys() - os.environ.keys():
        monkeypatch.setenv(key, builder_environment[key])
    monkeypatch.setenv("PATH", f"{wrapper.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("DOCKER_CONFIG", str(docker.parent))
    for name in ("BIOT_SERVICE_SECRET_KEY", "PULUMI_CONFIG_PASSPHRASE", "BIOT_PASSWORD"):
        monkeypatch.setenv(name, "canary-provider")
    declare(images)
    images.create(context="context", builder="buildah", build_args={"GREETING": "canary-argument"})
    text = seen.read_text()
    assert f"DOCKER_CONFIG={docker.parent}" in text
    assert "canary-provider" not in text
    assert "ASIA" not in text  # how temporary AWS keys begin
    assert "AWS_SECRET" not in text
    assert [line for line in text.splitlines() if "canary-argument" in line] == ["GREETING=canary-argument"]
    assert docker.read_text() == '{"auths": {"registry.example": {"auth": "canary-own"}}}'


@pytest.mark.parametrize("name", [None, "podman"])
def test_without_a_builder_a_preview_says_which_were_tried_and_the_way_without(
    name: str | None, images: Images, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    declare(images)
    (tmp_path / "nothing").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    from biot_provider.image.kind import _builder_problems

    _builder_problems.cache_clear()
    try:
        (problem,) = images.problems(context="context", builder=name)
    finally:
        _builder_problems.cache_clear()
    tried = ["docker-buildx", "docker", "podman", "buildah"] if name is None else [name]
    assert problem == (
        f"builder: no builder works here ({'; '.join(f'{builder}: not installed' for builder in tried)})."
        " What to do: install one, or start its daemon; or give code and base_image, which need none"
    )
    assert images.requests() == []


def test_a_daemon_that_does_not_answer_is_no_builder(builder_environment: dict[str, str]) -> None:
    with pytest.raises(ImageError, match=r"docker: (Cannot connect|error during connect|failed to connect)"):
        find_builder("docker", builder_environment)


def test_the_first_builder_that_works_is_taken(builder_environment: dict[str, str]) -> None:
    assert find_builder(None, builder_environment).name == "podman"
    assert probe(builder_environment)["buildah"] is None


def test_a_builder_and_its_files_end_with_the_provider_however_that_ends(tmp_path: Path) -> None:
    (tmp_path / "build/staged").mkdir(parents=True)
    (tmp_path / "build/staged/file").touch()
    program = textwrap.dedent(f"""
        import subprocess, sys
        from biot_provider.image.dockerfile.builders import _process
        slow = ["sh", "-c", "sleep 300 & echo $! > {tmp_path}/pid.new; mv {tmp_path}/pid.new {tmp_path}/pid; wait"]
        with _process(["{tmp_path}/build", "/dev/null", *slow], {{"PATH": "/bin:/usr/bin"}}, None) as process:
            process.wait()
    """)
    with subprocess.Popen([sys.executable, "-c", program]) as provider:
        until((tmp_path / "pid").exists)
        builder = int((tmp_path / "pid").read_text())
        provider.send_signal(signal.SIGKILL)
    until(lambda: not is_running(builder))
    until(lambda: not (tmp_path / "build").exists())


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(reached: Callable[[], bool], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.01)
