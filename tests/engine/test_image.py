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
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.image.servers import storage_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Project, Result

BASE = "embedded/base/python:3.13"
IMAGE = f'image = biot.PluginImage("hello", code="code", base_image="{BASE}", handler="index.handler")\n'
PLUGIN = 'biot.Plugin("hello", image_tag=image.image_tag)\npulumi.export("tag", image.image_tag)\n'
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
    project.file("context/Dockerfile", 'FROM scratch\nARG GREETING\nCOPY index.py /var/task/\nCMD ["index.handler"]\n')
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


def state_of(project: Project, kind: str = "PluginImage") -> dict[str, Any]:
    """The one resource of a kind in the state."""
    (found,) = [r for r in json.loads(project.state_text())["resources"] if r["type"].endswith(f":{kind}")]
    return dict(found)


def tag_of(project: Project) -> str:
    return str(state_of(project)["outputs"]["image_tag"])


def running(project: Project) -> str:
    """The image that the last write has the plugin run: the platform shows it nowhere."""
    writes = [entry["config"] for entry in project.requests("POST", "PATCH") if "imageTag" in (entry["config"] or {})]
    return str(writes[-1]["imageTag"])


def said(result: Result) -> list[str]:
    """What the provider told of images, without what differs from run to run."""
    told = [event["diagnosticEvent"]["message"] for event in result.events if "diagnosticEvent" in event]
    lines = [line.strip() for line in told if line.startswith("image 'hello'")]
    return [re.sub(r"\d+\.\d (s|kB|MB)", r"N \1", re.sub(r"hello-[0-9a-f]{32}", "TAG", line)) for line in lines]


def test_an_image_is_pushed_and_run_once_and_a_changed_file_is_the_next_version(shop: Project) -> None:
    preview = shop.preview().succeeded()
    assert preview.changes == {"create": 3}
    assert shop.platform.requests() == []

    up = shop.up().succeeded()

    tag = tag_of(shop)
    assert running(shop) == tag
    assert shop.platform.images.tags() == {tag: state_of(shop)["outputs"]["digest"]}
    assert re.fullmatch("hello-[0-9a-f]{32}", tag)
    assert said(up) == ["image 'hello': pushing N kB as TAG ...", "image 'hello': pushed in N s"]
    assert [entry for entry in asked(shop) if entry.endswith(("credentials", "POST /"))] == [
        "GET /settings/v2/plugins/docker-repository/temp-credentials",
        "POST /",
    ]

    shop.forget_requests()
    for run in (shop.preview("--expect-no-changes"), shop.up("--expect-no-changes")):
        assert run.succeeded().unchanged
        assert "image 'hello'" not in run.output
    assert shop.platform.requests() == []

    shop.file("code/lib/names.py", "NAMES = ['Ada']\n")
    preview = shop.preview("--diff").succeeded()
    shown = preview.stdout[preview.stdout.index("PluginImage") :]
    assert "lib/names.py" in shown
    assert '"index.py"' not in shown
    assert re.search(rf'image_tag *: "{tag}" => "hello-[0-9a-f]{{32}}"', shown), shown
    assert preview.changes == {"same": 1, "update": 2}
    assert shop.platform.requests() == []

    up = shop.up().succeeded()
    assert tag_of(shop) != tag
    assert (running(shop), shop.shown("hello")["version"]) == (tag_of(shop), 2)
    assert shop.preview("--refresh", "--expect-no-changes").succeeded().unchanged


def test_an_image_that_is_in_the_repository_is_not_pushed_again_from_another_machine(shop: Project) -> None:
    shop.program(IMAGE)
    shop.up().succeeded()
    before = shop.platform.images.tags()
    shop.use_stack("other")
    shop.forget_requests()

    up = shop.up().succeeded()

    assert asked(shop, "PUT", "PATCH") == []
    assert asked(shop, "HEAD") == [f"HEAD /v2/biot-plugins/manifests/{tag_of(shop)}"]
    assert said(up) == []
    assert shop.platform.images.tags() == before


def test_destroy_leaves_the_repository_to_the_platform_which_deletes_what_ran_last(shop: Project) -> None:
    shop.up().succeeded()
    first = tag_of(shop)
    shop.file("code/index.py", CODE + "# second\n")
    shop.up().succeeded()
    shop.forget_requests()

    shop.destroy().succeeded()

    assert asked(shop) == []
    assert shop.platform.images.tags().keys() == {first}
    assert shop.names() == set()


def test_an_image_that_is_gone_is_pushed_again_by_an_up_with_refresh(shop: Project) -> None:
    shop.program(IMAGE)
    shop.up().succeeded()
    tag = tag_of(shop)
    shop.platform.images.remove(tag)

    refresh = shop.refresh().succeeded()
    assert refresh.changes == {"same": 1, "update": 1}
    assert shop.preview().succeeded().changes == {"same": 1, "update": 1}
    shop.up().succeeded()

    assert shop.platform.images.tags().keys() == {tag}
    assert shop.preview("--refresh", "--expect-no-changes").succeeded().unchanged


def test_a_plugin_whose_image_went_with_it_says_that_a_refresh_heals_it(shop: Project) -> None:
    shop.up().succeeded()
    shop.program(IMAGE)
    shop.up().succeeded()
    assert shop.platform.images.tags() == {}
    shop.program(IMAGE + PLUGIN)

    shop.up().failed("PLUGIN_IMAGE_TAG_NOT_FOUND", "run `pulumi up --refresh`")
    shop.up("--refresh").succeeded()

    assert running(shop) == tag_of(shop)
    assert shop.preview("--refresh", "--expect-no-changes").succeeded().unchanged


def test_a_refresh_that_may_not_look_for_the_image_warns_and_takes_it_as_it_was(shop: Project) -> None:
    shop.program(IMAGE)
    shop.up().succeeded()
    shop.platform.faults.add("forbidden", path="temp-credentials", times=None)

    refresh = shop.refresh().succeeded()

    assert "warning: image 'hello' cannot be looked for" in refresh.output
    assert refresh.unchanged


def test_an_image_that_somebody_else_pushed_can_be_read(shop: Project) -> None:
    digest = shop.platform.images.add("theirs-1")
    shop.program('image = biot.PluginImage.get("theirs", "theirs-1")\n' + PLUGIN)

    shop.up().succeeded()

    assert running(shop) == "theirs-1"
    assert state_of(shop)["outputs"]["digest"] == digest
    shop.program('biot.PluginImage.get("none", "none-1")')
    shop.up().failed("read image 'none-1': there is no such tag in the image repository")


def test_an_image_known_only_during_the_up_is_a_change_in_the_preview(shop: Project) -> None:
    shop.program(
        'first = biot.Plugin("first")\n'
        f'image = biot.PluginImage("hello", code="code", base_image="{BASE}",\n'
        '    handler=first.version.apply(lambda version: f"index{version}.handler"))\n' + PLUGIN
    )

    assert shop.preview().succeeded().changes == {"create": 4}
    shop.up().succeeded()

    assert running(shop) == tag_of(shop)
    assert shop.preview("--expect-no-changes").succeeded().unchanged


@pytest.mark.needs_builders
def test_a_dockerfile_is_built_by_buildah_without_what_its_ignore_rules_leave_out(building: Project) -> None:
    declared = 'image = biot.PluginImage("hello", context="context", builder="buildah")\n'
    building.program(declared + PLUGIN)
    assert building.preview().succeeded().changes == {"create": 3}
    assert building.platform.requests() == []

    up = building.up().succeeded()

    assert running(building) == tag_of(building)
    assert said(up) == [
        "image 'hello': building N kB by buildah ...",
        "image 'hello': built in N s",
        "image 'hello': pushing N kB as TAG ...",
        "image 'hello': pushed in N s",
    ]
    building.file("context/notes.txt", "changed, and still not of the image\n")
    assert building.preview("--expect-no-changes").succeeded().unchanged

    building.file("context/Dockerfile", "FROM scratch\nCOPY missing.py /var/task/\n")
    building.up().failed("buildah could not build the image", "its last lines:", "missing.py")
    assert building.shown("hello")["version"] == 1


def test_no_key_token_or_build_argument_is_in_what_pulumi_writes_or_keeps(building: Project) -> None:
    canaries = [f"canary-{secrets.token_hex(8)}" for _ in range(2)]
    building.environment["CANARY"] = canaries[0]
    building.program(
        'image = biot.PluginImage("hello", context="context", builder="buildah",\n'
        '    build_args={"GREETING": os.environ["CANARY"]})\n' + PLUGIN
    )
    runs = [building.preview("--diff"), building.up("--diff")]
    first = tag_of(building)
    building.environment["CANARY"] = canaries[1]
    runs += [building.preview("--diff"), building.up("--diff"), building.refresh("--diff")]
    assert tag_of(building) != first
    building.file("context/Dockerfile", "FROM scratch\nARG GREETING\nCOPY ${GREETING} /\n")
    runs += [building.pulumi("stack", "export"), building.up("--diff").failed("could not build the image")]

    texts = {f"run {number}": run.output + run.event_log for number, run in enumerate(runs)}
    texts["kept"] = building.stored_text()
    for where, text in texts.items():
        # Not the text itself in the assertion: a failure would print it.
        assert ([canary in text for canary in canaries], where) == ([False, False], where)
        assert (bool(OF_OURS.search(text)), where) == (False, where)


WRONG = {
    "names": (
        'biot.PluginImage("-x", code="code", target="last", base_image="Not An Image", handler="")',
        [
            "name: must be the beginning of a tag",
            "target: does not go with code",
            "base_image: 'Not An Image' is no image",
            "handler:",
        ],
    ),
    "both": (
        'biot.PluginImage("x", code="code", context="context", builder="dokcer", build_args={"1": "x"})',
        ["code: excludes context", "builder: must be", "did you mean 'docker'", "build_args.1: must be a name"],
    ),
    "no folder": (
        'biot.PluginImage("x", context="nowhere", builder="buildah")',
        ["context: {root}/nowhere is no folder"],
    ),
    "no Dockerfile": (
        'biot.PluginImage("x", context="code", builder="buildah")',
        ["context: {root}/code/Dockerfile is not there", "give code and base_image"],
    ),
    "no builder": (
        'biot.PluginImage("x", context="context", builder="docker")',
        ["docker: ", "give code and base_image, which need none"],
    ),
    "no code": (f'biot.PluginImage("x", code="nowhere", base_image="{BASE}")', ["code: {root}/nowhere does not exist"]),
    "nothing": ('biot.PluginImage("x")', ["context: is required: a folder with a Dockerfile; or give code"]),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_bad_input_is_told_in_the_preview_all_of_it_and_nothing_is_asked(shop: Project, wrong: str) -> None:
    program, texts = WRONG[wrong]
    shop.file("context/Dockerfile", "FROM scratch\n")
    shop.environment = shop.environment | {"DOCKER_HOST": f"unix://{shop.folder}/no-daemon"}
    shop.program(program)

    shop.preview().failed(*(text.replace("{root}", str(shop.root)) for text in texts))

    assert shop.platform.requests() == []


@pytest.mark.parametrize(
    ("base", "text"),
    [
        ("embedded/base/python:9.9", "read the base image embedded/base/python:9.9"),
        ("localhost:1/base/python:3.13", "read the base image localhost:1/base/python:3.13"),
    ],
)
def test_a_base_image_that_cannot_be_had_is_named_and_no_tag_is_left(shop: Project, base: str, text: str) -> None:
    shop.program(IMAGE.replace(BASE, base))

    shop.up().failed(text)

    assert shop.platform.images.tags() == {}


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


@pytest.mark.parametrize("end", [_interrupt_twice, _kill])
def test_a_build_ends_with_the_run_that_is_ended(building: Project, end: Callable[[int, Path], None]) -> None:
    mark = f"{secrets.randbelow(10**6) + 10**6}"
    busybox = Path("/usr/bin/busybox").read_bytes()
    building.file("context/busybox", busybox).chmod(0o755)
    building.file("context/Dockerfile", f'FROM scratch\nCOPY busybox /\nRUN ["/busybox", "sleep", "{mark}"]\n')
    building.program('biot.PluginImage("hello", context="context", builder="buildah")')
    building.preview().succeeded()
    command = ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive"]
    quiet: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)

    with subprocess.Popen(command, cwd=building.root, env=building.environment, start_new_session=True, **quiet) as run:
        _wait_until(lambda: _sleeps(mark), 30)
        end(run.pid, building.root)
        run.wait(30)

    _wait_until(lambda: not _sleeps(mark), 15)


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
