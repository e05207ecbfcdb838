"""A run that is cancelled while an image is built or pushed: all of it ends, and nothing is left."""

from __future__ import annotations

import os
import secrets
import shutil
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ..stopwatch import Stopwatch
from ..uncoded import uncoded

if TYPE_CHECKING:
    from collections.abc import Callable

    from .declared import Images

SOON = 5.0
DOCKERFILE = 'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "sh", "-c", "{sleep} & wait"]\n'


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture
def sleep() -> str:
    """A command of this test alone: others run at the same time."""
    return f"sleep {10**6 + secrets.randbelow(10**6)}"


def until(reached: Callable[[], object], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def sleepers(sleep: str) -> list[str]:
    """The programs of the build that run."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            is_dead = (folder / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except OSError:
            continue
        if sleep in line and not is_dead:
            found.append(line)
    return found


def cancelled(images: Images, inputs: dict[str, Any], reached: Callable[[], object]) -> tuple[str, float]:
    """The error of an image whose run is cancelled once this is reached, and the seconds of a stopwatch until then."""
    texts: list[str] = []

    def run() -> None:
        with pytest.raises(Exception) as raised:
            images.provider.create(inputs)
        texts.append(str(raised.value))

    thread = threading.Thread(target=run)
    thread.start()
    until(reached)
    with Stopwatch() as stopwatch:
        images.provider.connection.cancel()
        thread.join()
    return texts[0], stopwatch.seconds


@pytest.mark.parametrize("builder", ["buildah", "podman", "docker"])
def test_a_build_ends_with_all_that_it_started(
    builder: str, images: Images, builder_environment: dict[str, str], temporary: Path, sleep: str,
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for key in builder_environment.keys() - os.environ.keys():
        monkeypatch.setenv(key, builder_environment[key])
    if builder == "docker":
        monkeypatch.setenv("DOCKER_HOST", request.getfixturevalue("dockerd"))
    busybox = shutil.which("busybox")
    assert busybox is not None
    images.file("context/busybox", Path(busybox).read_bytes(), executable=True)
    images.file("context/Dockerfile", DOCKERFILE.format(sleep=sleep))
    inputs = images.inputs(context="context", builder=builder)
    text, seconds = cancelled(images, inputs, lambda: sleepers(sleep))
    assert seconds < SOON
    assert (
        uncoded(text) == "publish image 'wave': cancelled before anything was pushed. What to do: run `pulumi up` again"
    )
    until(lambda: not list(temporary.iterdir()))
    until(lambda: not sleepers(sleep))
    assert images.platform.images.tags() == {}
    assert not [line for line in images.requests() if line.startswith(("PUT", "PATCH"))]


def test_a_wait_for_the_registry_ends_and_no_tag_is_there(
    images: Images, latency: threading.Event, temporary: Path
) -> None:
    images.file("code/index.py", "def handler(event, context): ...\n")
    images.platform.faults.add(method="PUT", path="/v2/.*/blobs/", latency=30.0, times=None)
    inputs = images.inputs(code="code", base_image="embedded/base/python:3.13", handler="index.handler")
    text, seconds = cancelled(images, inputs, lambda: images.platform.faults.all()[0]["struck"])
    assert seconds < SOON
    assert uncoded(text) == (
        f"publish image 'wave': cancelled while its layers were pushed; the tag '{inputs['image_tag']}' was not."
        " What to do: run `pulumi up` again"
    )
    assert images.platform.images.tags() == {}
    until(lambda: not list(temporary.iterdir()))


@pytest.mark.parametrize("acted", [True, False])
def test_a_tag_whose_answer_is_late_is_looked_for(
    images: Images, latency: threading.Event, temporary: Path, acted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("biot_provider.image.publish._LAST_LOOK_SECONDS", 60.0)  # no machine is too slow for it
    images.file("code/index.py", "def handler(event, context): ...\n")
    when = "after" if acted else "before"
    images.platform.faults.add(method="PUT", path="/v2/.*/manifests/", latency=30.0, when=when)
    inputs = images.inputs(code="code", base_image="embedded/base/python:3.13", handler="index.handler")
    states: list[Any] = []
    if acted:
        thread = threading.Thread(target=lambda: states.append(images.provider.create(inputs)))
        thread.start()
        until(lambda: images.platform.faults.all()[0]["struck"])
        time.sleep(0.3)
        with Stopwatch() as stopwatch:
            images.provider.connection.cancel()
            thread.join()
        assert stopwatch.seconds < SOON
        assert states[0].outs["digest"] == images.platform.images.tags()[inputs["image_tag"]]
    else:
        text, seconds = cancelled(images, inputs, lambda: images.platform.faults.all()[0]["struck"])
        assert seconds < SOON
        assert "was pushed; what became of it is not known. What to do: run `pulumi up` again: it looks for" in text
    until(lambda: not list(temporary.iterdir()))


@pytest.mark.needs_builders
def test_a_builder_that_does_not_answer_keeps_nobody_waiting(
    images: Images, temporary: Path, sleep: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    busybox = shutil.which("busybox")
    assert busybox is not None
    images.file("context/Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")
    inputs = images.inputs(context="context", builder="buildah")
    slow = images.file("bin/buildah", f"#!{busybox} sh\nexec {busybox} {sleep}\n", executable=True)
    monkeypatch.setenv("PATH", str(slow.parent))
    text, seconds = cancelled(images, inputs, lambda: sleepers(sleep))
    assert seconds < SOON
    assert "cancelled before anything was pushed" in text
    until(lambda: not sleepers(sleep))
    until(lambda: not list(temporary.iterdir()))


def test_what_begins_later_sends_nothing(images: Images) -> None:
    images.file("code/index.py", "def handler(event, context): ...\n")
    state = images.create(code="code", base_image="embedded/base/python:3.13", handler="index.handler")
    images = images.another_process()
    before = len(images.requests())
    images.provider.connection.cancel()
    with pytest.raises(Exception, match=r"^read image 'wave': cancelled before anything was written"):
        images.provider.read("wave", state)
    images.file("code/more.py", "")
    with pytest.raises(Exception, match=r"^publish image 'wave': cancelled before anything was pushed"):
        images.create(code="code", base_image="embedded/base/python:3.13", handler="index.handler")
    assert len(images.requests()) == before
