"""A container image and the plugin that runs it, on the real `pulumi`, from the first preview to `pulumi destroy`."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.image.servers import storage_environment

from ..conftest import NATIVE, Project, Result
from ..listening import SEEN_BY_NOBODY, Listening
from ..native.test_ctrl_c import interrupted

BASE = "embedded/base/python:3.13"
IMAGE = f'image = biot.PluginImage("hello", code="code", base_image="{BASE}", handler="index.handler")\n'
PLUGIN = 'biot.Plugin("hello", image_tag=image.image_tag)\npulumi.export("tag", image.image_tag)\n'
LATER = f"""
first = biot.Plugin("first")
later = biot.PluginImage(
    "later", code="code", base_image="{BASE}", handler=first.version.apply(lambda version: f"index{{version}}.handler")
)
biot.Plugin("later", image_tag=later.image_tag)
"""
"""An image that is not known before the `up`."""
CODE = "def handler(event, context):\n    return {'statusCode': 200}\n"
OF_OURS = re.compile(r"ASIA[0-9A-F]{16}|\b(?:session|secret|password)\.\d|QVdTOn")
"""How a key, a session token, a secret key or a registry's token of the embedded platform begins."""


@pytest.fixture
def shop(project: Project) -> Project:
    """A project with the code of one image, declared with the plugin that runs it."""
    project.file("code/index.py", CODE)
    project.file("code/lib/names.py", "NAMES = []\n")
    project.program(IMAGE + PLUGIN)
    return project


@pytest.fixture
def building(project: Project) -> Iterator[Project]:
    """A project with a Dockerfile and a buildah of its own."""
    project.environment = project.environment | storage_environment(project.folder / "storage")
    project.file(
        "context/Dockerfile", 'FROM scratch\nARG GREETING\nARG PIN\nCOPY index.py /var/task/\nCMD ["index.handler"]\n'
    )
    project.file("context/index.py", CODE)
    project.file("context/notes.txt", "not of the image\n")
    project.file("context/.dockerignore", "*.txt\n")
    yield project
    subprocess.run(["buildah", "rmi", "--all", "--force"], env=project.environment, capture_output=True, timeout=60)


def asked(project: Project, *methods: str) -> list[str]:
    """What was asked of the registry and for credentials since the last `forget_requests`."""
    entries = [f"{entry['method']} {entry['path']}" for entry in project.platform.requests()]
    found = [entry for entry in entries if "/v2/biot-plugins" in entry or entry.endswith(("credentials", "POST /"))]
    return [entry for entry in found if not methods or entry.startswith(methods)]


def state_of(project: Project, name: str = "hello") -> dict[str, Any]:
    """The image of this name in the state."""
    (found,) = [r for r in json.loads(project.state_text())["resources"] if r["urn"].endswith(f":PluginImage::{name}")]
    return dict(found)


def tag_of(project: Project, name: str = "hello") -> str:
    return str(state_of(project, name)["outputs"]["image_tag"])


def running(project: Project, name: str = "hello") -> str:
    """The image that the last write has the plugin run: the platform shows it nowhere."""
    created = [entry["config"] for entry in project.requests("POST") if entry["config"]["name"] == name]
    patches = [entry for entry in project.requests("PATCH") if entry["path"].endswith(f"/Plugin-{name}")]
    return str([*created, *(entry["config"] for entry in patches)][-1]["imageTag"])


def said(result: Result) -> list[str]:
    """The provider's lines about images, without parts that differ from run to run."""
    told = [event["diagnosticEvent"]["message"] for event in result.events if "diagnosticEvent" in event]
    lines = [line.strip() for line in told if line.startswith("image 'hello'")]
    lines = [re.sub(r"hello-[0-9a-f]{32}", "TAG", line) for line in lines]
    return [re.sub(r"[\d.]+ s\b", "N s", re.sub(r"[\d.]+ (bytes|kB|MB)", "SIZE", line)) for line in lines]


def test_an_image_is_pushed_once_run_renewed_and_left_to_the_platform(shop: Project) -> None:
    shop.program(IMAGE + PLUGIN + LATER)
    with Listening() as watched:
        preview = shop.preview().succeeded()
        assert preview.changes == {"create": 6}
        assert shop.platform.requests() == []
        assert watched.ports, "the engine's own are seen"
        assert watched.served == {}

        up = shop.up().succeeded()

        # While an image is pushed its registry is served, and not for longer.
        assert set(watched.served.values()) == {SEEN_BY_NOBODY}
        assert not watched.left(10)
    tag, later = tag_of(shop), tag_of(shop, "later")
    assert (running(shop), running(shop, "later")) == (tag, later)
    assert shop.platform.images.tags() == {
        tag: state_of(shop)["outputs"]["digest"],
        later: state_of(shop, "later")["outputs"]["digest"],
    }
    assert re.fullmatch("hello-[0-9a-f]{32}", tag)
    assert said(up) == ["image 'hello': pushing SIZE as TAG ...", "image 'hello': pushed in N s"]
    assert [entry for entry in asked(shop) if entry.endswith(("credentials", "POST /"))] == [
        "GET /settings/v2/plugins/docker-repository/temp-credentials",
        "POST /",
    ]

    shop.forget_requests()
    shop.file("code/lib/names.py", "NAMES = ['Ada']\n")
    changed = shop.up("--diff").succeeded()
    shown = changed.stdout[changed.stdout.index("PluginImage") :]
    assert "lib/names.py" in shown
    assert '"index.py"' not in shown
    assert re.search(rf'image_tag *: "{tag}" => "hello-[0-9a-f]{{32}}"', shown), shown
    assert changed.steps == {name: ["update", "update"] for name in ("hello", "later")}
    second = tag_of(shop)
    assert second != tag
    assert (running(shop), shop.shown("hello")["version"]) == (second, 2)

    # The platform deletes an image with the last plugin that ran it.
    shop.platform.plugins.delete("Plugin-hello")
    assert second not in shop.platform.images.tags()
    shop.program(IMAGE + PLUGIN.replace("hello", "again") + LATER)
    shop.up().failed("PLUGIN_IMAGE_TAG_NOT_FOUND", "run `pulumi up --refresh`")
    healed = shop.up("--refresh").succeeded()
    assert running(shop, "again") == tag_of(shop) == second

    shop.forget_requests()
    with Listening() as watched:
        destroyed = shop.destroy().succeeded()
    assert watched.served == {}
    assert asked(shop) == []
    assert shop.platform.images.tags().keys() == {tag, later}
    assert shop.names() == set()
    runs = (up, changed, healed, destroyed)
    texts = [text for run in runs for text in (run.output, run.event_log)] + [shop.stored_text()]
    assert [number for number, text in enumerate(texts) if OF_OURS.search(text)] == []


@pytest.mark.needs_builders
def test_a_dockerfile_is_built_by_buildah_without_what_is_ignored_and_no_build_argument_is_shown(
    building: Project,
) -> None:
    building.environment |= {name: f"canary-{secrets.token_hex(8)}" for name in ("PLAIN", "SECRET")}
    building.program(
        'image = biot.PluginImage("hello", context="context", builder="buildah", build_args={\n'
        '    "GREETING": os.environ["PLAIN"], "PIN": pulumi.Output.secret(os.environ["SECRET"])})\n' + PLUGIN
    )

    up = building.up().succeeded()

    assert running(building) == tag_of(building)
    assert said(up) == [
        "image 'hello': building SIZE by buildah ...",
        "image 'hello': built in N s",
        "image 'hello': pushing SIZE as TAG ...",
        "image 'hello': pushed in N s",
    ]
    building.file("context/notes.txt", "changed, and still not of the image\n")
    unchanged = building.preview("--expect-no-changes", "--diff").succeeded()
    assert unchanged.unchanged

    building.file("context/Dockerfile", "FROM scratch\nARG GREETING\nCOPY ${GREETING} missing.py /var/task/\n")
    failed = building.up("--diff").failed("buildah could not build the image", "its last lines:", "missing.py")
    assert building.shown("hello")["version"] == 1
    texts = [text for run in (up, unchanged, failed) for text in (run.output, run.event_log)]
    for name in ("PLAIN", "SECRET"):
        # Not the text itself in the assertion: a failure would print it.
        assert [
            n for n, text in enumerate([*texts, building.stored_text()]) if building.environment[name] in text
        ] == []


def _interrupt_twice(engine: int, _root: Path) -> None:
    os.killpg(engine, signal.SIGINT)
    time.sleep(0.3)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(engine, signal.SIGINT)


def _kill(engine: int, root: Path) -> None:
    """The engine, and the provider, which has a group of its own."""
    os.killpg(engine, signal.SIGKILL)
    for pid, words in _processes():
        with contextlib.suppress(OSError):
            if b"pulumi.dynamic" in words and Path("/proc", pid, "cwd").resolve(strict=True) == root.resolve():
                os.kill(int(pid), signal.SIGKILL)


@pytest.mark.needs_builders
@pytest.mark.parametrize("end", [_interrupt_twice, _kill])
def test_a_build_ends_with_the_run_that_is_ended(building: Project, end: Callable[[int, Path], None]) -> None:
    mark = f"{secrets.randbelow(10**6) + 10**6}"
    busybox = Path("/usr/bin/busybox").read_bytes()
    building.file("context/busybox", busybox).chmod(0o755)
    building.file("context/Dockerfile", f'FROM scratch\nCOPY busybox /\nRUN ["/busybox", "sleep", "{mark}"]\n')
    building.program('biot.PluginImage("hello", context="context", builder="buildah")')
    building.prepare_stack()
    command = ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive"]
    quiet: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)

    environment = building.environment | {"PULUMI_STACK": building.stack}
    with subprocess.Popen(command, cwd=building.root, env=environment, start_new_session=True, **quiet) as run:
        _wait_until(lambda: _sleeps(mark), 120)
        end(run.pid, building.root)
        run.wait(120)

    _wait_until(lambda: not _sleeps(mark), 120)


@pytest.mark.needs_builders
def test_one_interrupt_ends_a_build_of_the_native_provider(building: Project) -> None:
    mark = f"{secrets.randbelow(10**6) + 10**6}"
    building.file("context/busybox", Path("/usr/bin/busybox").read_bytes()).chmod(0o755)
    building.file("context/Dockerfile", f'FROM scratch\nCOPY busybox /\nRUN ["/busybox", "sleep", "{mark}"]\n')
    building.program(NATIVE + 'declare("PluginImage", "hello", context="context", builder="buildah")')

    printed, seconds = interrupted(building, lambda: _sleeps(mark))

    assert seconds < 5, printed
    assert "cancelled" in printed
    assert "Traceback" not in printed
    _wait_until(lambda: not _sleeps(mark), 120)
    assert building.resources() == {}
    exported = json.loads(building.pulumi("stack", "export").succeeded().stdout)
    assert exported["deployment"].get("pending_operations", []) == []


def _processes() -> Iterator[tuple[str, list[bytes]]]:
    """All processes there are, by id and words."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            yield process.name, (process / "cmdline").read_bytes().split(b"\0")[:-1]


def _sleeps(mark: str) -> bool:
    return any(words[-2:] == [b"sleep", mark.encode()] for _, words in _processes())


def _wait_until(holds: Callable[[], bool], seconds: float) -> None:
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.05)
