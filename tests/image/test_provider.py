"""`biot.PluginImage` in preview, in refresh, and what it loads."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import pytest
from pulumi.output import Unknown
from pulumi.runtime.rpc import is_rpc_secret, unwrap_rpc_secret

from ..uncoded import uncoded
from .declared import plain

if TYPE_CHECKING:
    from tests.conftest import NewThreads

    from .declared import Images

SEED = "embedded/base/python:3.13"


@pytest.fixture
def code(images: Images) -> dict[str, Any]:
    images.file("code/index.py", "")
    return {"code": "code", "base_image": SEED}


@pytest.mark.parametrize(
    ("arguments", "problems"),
    [
        (
            {"name": "-x", "builder": "dokcer", "target": "", "build_args": {"a b": "1", "PATH": "canary", "OK": 1}},
            [
                "build_args.OK: must be a string, not a number",
                "build_args.PATH: steers the builder itself, in whose environment it would be: rename the ARG",
                "build_args.a b: must be a name that a Dockerfile's ARG can have: letters, digits and _",
                "builder: must be 'docker-buildx', 'docker', 'podman' or 'buildah', not 'dokcer';"
                " did you mean 'docker'?",
                "context: is required: a folder with a Dockerfile; or give code and base_image, which need no builder",
                "name: must be the beginning of a tag (letters, digits, _ . -, not first . or -), not '-x'",
                "target: must not be empty",
            ],
        ),
        ({"name": "x" * 96, "code": "code", "base_image": SEED},
         ["name: must be at most 95 characters (the tag adds 33), not 96"]),
        ({"context": "code", "code": "code"},
         ["code: excludes context: an image is built from a Dockerfile, or is a base image and code"]),
        ({"context": "code", "secrets": {"a,b": "canary", "ok": ""}},
         ["secrets.a,b: must be an id that RUN --mount=type=secret can have: letters, digits, _ . -",
          "secrets.ok: must not be empty: leave it out instead"]),
        ({"code": "code", "base_image": SEED, "secrets": {"a": "b"}}, ["secrets: does not go with code"]),
        ({"code": "code"}, ["base_image: is required with code, such as public.ecr.aws/lambda/python:3.13"]),
        ({"code": "code", "base_image": SEED, "dockerfile": "x", "target": "y", "builder": "podman"},
         ["builder: does not go with code", "dockerfile: does not go with code", "target: does not go with code"]),
        ({"context": "code", "handler": "index.handler", "base_image": SEED},
         ["base_image: does not go with context", "handler: does not go with context"]),
        ({"code": "code", "base_image": "Python 3"},
         ["base_image: 'Python 3' is no image: it must be <host>/<repository>:<tag> or"
          " <host>/<repository>@sha256:<digest>"]),
        ({"code": "code", "base_image": "user:canary@a.b/c:d"},
         ["base_image: what is given is no image: a digest is sha256: and 64 hexadecimal digits"]),
        ({"code": "code", "base_image": "a.b/c@sha256:12"},
         ["base_image: 'a.b/c@sha256:12' is no image: a digest is sha256: and 64 hexadecimal digits"]),
        ({"code": "code", "base_image": SEED, "contxt": "x"}, ["contxt: unknown argument; did you mean 'context'?"]),
    ],
)  # fmt: skip
def test_a_preview_finds_all_that_is_wrong_with_the_arguments_at_once(
    arguments: dict[str, Any], problems: list[str], images: Images
) -> None:
    images.file("code/index.py", "")
    assert images.problems(**arguments) == problems
    assert images.requests() == []


@pytest.mark.parametrize("arguments", [{"context": "x" * 300}, {"context": "code", "dockerfile": "x" * 300}])
def test_a_name_too_long_for_a_file_is_a_problem_of_its_argument(arguments: dict[str, Any], images: Images) -> None:
    images.file("code/index.py", "")
    (problem,) = images.problems(**arguments)
    assert problem.startswith("context: ")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"context": "absent"}, "context: {}/absent is no folder: context is the path of a folder with a Dockerfile"),
        ({"context": "code"}, "context: {}/code/Dockerfile is not there: an image is built from a Dockerfile; name"
                              " another one with dockerfile, or give code and base_image, which need none"),
        ({"code": "absent", "base_image": SEED},
         "code: {}/absent does not exist: code is the path of a folder or a .zip"),
    ],
)  # fmt: skip
def test_a_preview_finds_what_is_missing_on_disk(arguments: dict[str, Any], text: str, images: Images) -> None:
    images.file("code/index.py", "")
    assert images.problems(**arguments) == [text.format(images.folder)]


def test_a_preview_asks_nothing_and_knows_the_tag_and_the_files(images: Images, code: dict[str, Any]) -> None:
    inputs = images.inputs(**code)
    assert inputs["image_tag"] == f"wave-{inputs['context_digest'][:32]}"
    assert set(inputs["context_files"]) == {"index.py"}
    assert images.requests() == []


def test_a_preview_of_new_content_warns_of_files_that_may_hold_secrets(
    images: Images, code: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    images.file("code/.env", "PASSWORD=canary\n")
    inputs = images.inputs(**code)
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("warning: image 'wave': the package has .env: it may hold secrets; ")
    assert images.inputs(inputs, **code) == inputs
    assert capfd.readouterr().err == ""


def test_build_arguments_are_secrets_in_inputs_and_state(images: Images) -> None:
    images.file("context/Dockerfile", "FROM scratch\nCOPY Dockerfile /\nARG TOKEN\n")
    given = {"name": "wave", "context": str(images.folder / "context"), "build_args": {"TOKEN": "canary"}}
    checked = images.provider.check({}, given | {"__owner": "shop/dev/wave"})
    assert not checked.failures
    assert is_rpc_secret(checked.inputs["build_args"]["TOKEN"])


def test_a_refresh_marks_build_arguments_as_secrets_and_takes_whatever_state_holds(images: Images) -> None:
    known = {"name": "wave", "image_tag": "wave-1", "build_args": {"TOKEN": "canary", "ODD": {"a": [1]}},
             "builder": "a builder of later", "context_files": ["odd"], "context": 7, "__platform": "https://a.example",
             "__owner": "shop/dev/wave"}  # fmt: skip
    read = images.provider.read("wave", known)
    for properties in (read.outs, read.inputs):
        assert properties
        assert {key: unwrap_rpc_secret(value) for key, value in properties["build_args"].items()} == {
            "TOKEN": "canary", "ODD": '{"a": [1]}'
        }  # fmt: skip
        assert (properties["builder"], properties["context"]) == ("a builder of later", "7")
    assert images.provider.diff("wave", plain(read.outs), known).changes
    images.provider.delete("wave", known)


def test_only_a_new_content_a_new_platform_or_a_lost_image_is_a_change(images: Images, code: dict[str, Any]) -> None:
    state = images.create(**code)

    def changes(state: dict[str, Any]) -> bool | None:
        inputs = images.inputs(**code)
        return images.provider.diff("wave", state, inputs).changes

    assert not changes(state)
    moved = images.folder / "moved"
    (images.folder / "code").rename(moved)
    code["code"] = "moved"
    assert not changes(state)
    assert changes(state | {"__platform": "https://api.other.example"})
    assert changes({key: value for key, value in state.items() if key != "digest"})
    (moved / "index.py").write_text("changed")
    assert changes(state)


def test_content_that_is_ignored_stays_and_what_would_change_it_is_an_error(
    images: Images, code: dict[str, Any]
) -> None:
    before = images.inputs(**code)
    restored = {name: before[name] for name in ("code", "context_digest", "context_files", "image_tag")}
    images.file("code/index.py", "changed")
    assert images.inputs(before, **code | {"image_tag": before["image_tag"]}) == before
    assert images.problems(before, **code | restored | {"base_image": "embedded/base/python:3.12", "name": "x"}) == [
        "name: cannot change while ignore_changes keeps the content as it was; ignore its changes too",
        "base_image: cannot change while ignore_changes keeps the content as it was; ignore its changes too",
    ]


def test_a_refresh_leaves_an_image_that_is_there_as_it_is(images: Images, code: dict[str, Any]) -> None:
    state = images.create(**code)
    images.platform.request_log.clear()
    assert plain(images.another_process().provider.read("wave", state).outs)["digest"] == state["digest"]
    assert [line.split()[0] for line in images.requests()] == ["GET", "POST", "HEAD"]


def test_an_image_that_vanished_is_pushed_again(images: Images, code: dict[str, Any]) -> None:
    state = images.create(**code)
    images.platform.images.remove(state["image_tag"])
    read = images.provider.read("wave", state)
    assert "digest" not in plain(read.outs)
    inputs = images.inputs(**code)
    assert images.provider.diff("wave", plain(read.outs), inputs).changes
    healed = plain(images.provider.update("wave", plain(read.outs), inputs).outs)
    assert images.platform.images.tags() == {state["image_tag"]: healed["digest"]}


@pytest.mark.parametrize("forbidden", ["credentials", "repository"])
def test_a_refresh_that_may_not_look_warns_and_changes_nothing(
    forbidden: str, images: Images, code: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    state = images.create(**code)
    if forbidden == "repository":
        images.platform.contract_variants.set(repository_reads="forbidden")
    else:
        images.platform.faults.add(method="GET", path="temp-credentials", times=None, status=403, json={})
    capfd.readouterr()
    assert plain(images.another_process().provider.read("wave", state).outs)["digest"] == state["digest"]
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("warning: image 'wave' cannot be looked for, so it is taken as it was: ")


def test_an_image_is_read_by_its_tag(images: Images, code: dict[str, Any]) -> None:
    state = images.create(**code)
    found = plain(images.provider.read(state["image_tag"], {}).outs)
    assert (found["image_tag"], found["digest"]) == (state["image_tag"], state["digest"])


def test_a_tag_to_read_that_is_not_there_is_an_error(images: Images) -> None:
    with pytest.raises(Exception, match=r"^read image 'wave-absent': there is no such tag in the image repository"):
        images.provider.read("wave-absent", {})


def test_deleting_leaves_the_repository_alone(images: Images, code: dict[str, Any]) -> None:
    state = images.create(**code)
    images.platform.request_log.clear()
    images.provider.delete("wave", state)
    assert images.requests() == []
    assert state["image_tag"] in images.platform.images.tags()


def test_code_that_changes_between_preview_and_push_is_an_error(images: Images, code: dict[str, Any]) -> None:
    inputs = images.inputs(**code)
    images.file("code/index.py", "later")
    assert uncoded(images.failure_of(inputs)) == f"{images.folder}/code changed after it was read; run it again"
    assert images.platform.images.tags() == {}


CHECKED = """
import sys
from biot_provider.config import Settings
from biot_provider.provider.image import PluginImageProvider
from biot_provider.lifecycle.connection import Connection
from biot_provider.provider.plugin import PluginProvider
import biot_provider

connection = Connection(Settings.read({"biot:baseUrl": "embedded"}.get, {}))
image, plugin = PluginImageProvider(), PluginProvider()
image.connect(connection)
plugin.connect(connection)
arguments = {"name": "wave", "code": "code", "base_image": "embedded/base/python:3.13"}
assert not image.check({}, arguments).failures
assert not plugin.check({}, {"name": "wave", "code": "code", "runtime": "python3.13"}).failures
print(sorted({"boto3", "botocore", "dxf", "requests", "httpx"} & sys.modules.keys()))
"""


def test_a_preview_loads_no_library_that_only_pushing_needs(images: Images, code: dict[str, Any]) -> None:
    command = [sys.executable, "-c", CHECKED]
    done = subprocess.run(command, cwd=images.folder, capture_output=True, text=True, env=dict(os.environ))
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize("library", ["botocore"])
def test_without_the_extra_the_command_that_installs_it_is_named(
    library: str, images: Images, code: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    assert uncoded(images.failure(**code)) == (
        f"images need {library}, which is not installed: run `pip install 'biot-provider[image]'`"
    )


def test_a_zip_is_code_too(images: Images, code: dict[str, Any], tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(images.folder / "code.zip", "w") as archive:
        archive.writestr("index.py", "")
    as_folder, as_zip = images.inputs(**code), images.inputs(**code | {"code": "code.zip"})
    assert as_zip["image_tag"] == as_folder["image_tag"]
    assert images.create(**code | {"code": "code.zip"})["image_tag"] in images.platform.images.tags()


def test_a_push_after_a_pause_opens_the_registry_again(
    images: Images,
    code: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    new_threads: NewThreads,
) -> None:
    monkeypatch.setattr("biot_provider.emulator.platform.PUSH_SECONDS", 2.0)
    images.create(**code)
    while new_threads("emulator"):
        time.sleep(0.02)
    images.file("code/index.py", "x = 1\n")
    images.create(**code)
    assert len([request for request in images.requests() if request.endswith("temp-credentials")]) == 2


def test_a_build_argument_not_known_yet_leaves_the_others_secret(images: Images) -> None:
    given = {"TOKEN": f"canary-{token_hex(8)}", "LATER": Unknown()}
    images.file("context/Dockerfile", "FROM scratch\n")
    checked = images._check({}, {"context": "context", "build_args": given})
    assert not checked.failures
    shown = checked.inputs["build_args"]
    assert is_rpc_secret(shown["TOKEN"])
    assert unwrap_rpc_secret(shown["TOKEN"]) == given["TOKEN"]
    assert isinstance(shown["LATER"], Unknown)


def test_an_empty_map_of_build_arguments_is_none(images: Images, code: dict[str, Any]) -> None:
    checked = images.inputs(build_args={}, **code)
    assert "build_args" not in checked
    # As `ignore_changes=["code"]` has it:
    ignored = {name: checked[name] for name in ("context_digest", "context_files", "image_tag")}
    assert images.problems(checked, build_args={}, **code, **ignored) == []
