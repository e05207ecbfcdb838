"""Code on a base image, with no builder: what is pushed, when, and what goes wrong on the way."""

from __future__ import annotations

import gzip
import io
import os
import secrets
import socket
import tarfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from biot_provider.errors import ImageError
from biot_provider.image.credentials import RegistryLogin

from ..stopwatch import Stopwatch
from ..uncoded import uncoded
from .declared import plain
from .layouts import Layout
from .memory_registry import NAME
from .servers import Image, cutting_proxy

if TYPE_CHECKING:
    from pytest_mock import MockerFixture

    from tests.conftest import Tunnel

    from .declared import Images
    from .memory_registry import MemoryRegistry
    from .servers import DockerRegistry, Ecr

CREDENTIALS = "GET /settings/v2/plugins/docker-repository/temp-credentials"
SEED = "embedded/base/python:3.13"
ANSWERS = {
    "registry-token-expired": "Your authorization token has expired",
    "401": "the registry answered 401",
}


@pytest.fixture
def code(images: Images) -> dict[str, Any]:
    """The arguments of an image of one small file."""
    images.file("code/index.py", "def handler(event, context): ...\n")
    return {"code": "code", "base_image": SEED, "handler": "index.handler"}


def test_the_image_is_the_base_with_one_layer_of_the_packages_files(
    images: Images, code: dict[str, Any], ecr: Ecr, registry: MemoryRegistry, monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:  # fmt: skip
    add_base(registry)
    images.use(ecr, registry, monkeypatch)
    images.file("code/empty.txt", "")
    images.file("code/bin/run.sh", "#!/bin/sh\n", executable=True)
    images.file("code/.gitignore", "*.log\n")
    images.file("code/x.log", "left out")
    state = images.create(**code | {"base_image": f"{registry.host}/base/python:3.13"})

    base = Image.read(registry.pull("base/python/3.13", tmp_path / "base"))
    image = Image.read(registry.pull(f"biot-plugins/{state['image_tag']}", tmp_path / "pulled"))
    assert base.files.keys() == {"opt/runtime"}
    assert image.files == base.files | {
        "var/task/index.py": b"def handler(event, context): ...\n",
        "var/task/bin/run.sh": b"#!/bin/sh\n",
        "var/task/empty.txt": b"",
    }
    assert image.executables - base.executables == {"var/task/bin/run.sh"}
    run = image.config["config"]
    assert (run["Cmd"], run["WorkingDir"], run["Env"]) == (["index.handler"], "/var/task", base.config["config"]["Env"])
    assert (image.config["os"], image.config["architecture"]) == ("linux", "amd64")
    digests = [[layer["digest"] for layer in found.manifest["layers"]] for found in (base, image)]
    assert digests[1][:-1] == digests[0]
    assert image.manifest["layers"][-1]["mediaType"].endswith("gzip")
    assert len(image.config["rootfs"]["diff_ids"]) == len(image.manifest["layers"])
    assert state["repository_uri"] == f"{registry.host}/biot-plugins"


def add_base(registry: MemoryRegistry) -> None:
    """Put a base image of one file there."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("opt/runtime"))
    layout = Layout()
    layer = gzip.compress(content.getvalue(), mtime=0)
    registry.add("base/python/3.13", layout, layout.image(layer, config={"Env": ["LANG=C.UTF-8"]}))


def test_a_push_goes_by_one_proxy_and_one_connection(
    images: Images, code: dict[str, Any], ecr: Ecr, registry: MemoryRegistry, tunnel: Tunnel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    add_base(registry)
    tunnel.lead_to(registry.port)
    monkeypatch.setenv("HTTPS_PROXY", tunnel.address)
    images.use(ecr, registry, monkeypatch, host=NAME)
    state = images.create(**code | {"base_image": f"{NAME}/base/python:3.13"})
    assert f"biot-plugins/{state['image_tag']}" in registry.manifests
    assert tunnel.asked == [f"CONNECT {NAME}:443"]
    assert registry.server.connections == 1


def test_the_same_files_are_the_same_image_elsewhere_and_later(images: Images, code: dict[str, Any]) -> None:
    first = images.create(**code)
    later = images.another_process()
    later.folder = images.folder.parent / "elsewhere"
    before = os.umask(0o077)
    try:
        os.utime(later.file("code/index.py", "def handler(event, context): ...\n"), (1, 1))
    finally:
        os.umask(before)
    assert later.inputs(**code)["image_tag"] == first["image_tag"]
    images.platform.images.add(first["image_tag"])  # another content under the tag, which is pushed over
    pushed = later.create(**code | {"name": "other"})
    assert pushed["digest"] == first["digest"]


@pytest.mark.parametrize("change", ["file", "base_image", "handler", "name"])
def test_the_tag_follows_from(change: str, images: Images, code: dict[str, Any]) -> None:
    before = images.inputs(**code)
    if change == "file":
        images.file("code/index.py", "changed")
    values = {"base_image": "embedded/base/node:22", "handler": "other.handler", "name": "other"}
    after = images.inputs(**code | ({change: values[change]} if change in values else {}))
    assert after["image_tag"] != before["image_tag"]


def test_what_is_there_already_is_looked_for_and_nothing_more(
    images: Images, code: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    state = images.create(**code)
    tag = f"HEAD /v2/biot-plugins/manifests/{state['image_tag']}"
    images.platform.request_log.clear()
    capfd.readouterr()
    assert images.create(**code) == state
    assert images.requests() == [tag]
    images.platform.request_log.clear()
    assert images.another_process().create(**code)["digest"] == state["digest"]
    assert images.requests() == [CREDENTIALS, "POST /", tag]
    assert capfd.readouterr().err == ""


def test_of_a_changed_file_the_new_layer_alone_is_pushed(images: Images, code: dict[str, Any]) -> None:
    images.create(**code)
    images.file("code/index.py", "changed")
    images.platform.request_log.clear()
    images.create(**code)
    requests = images.requests()
    assert len([line for line in requests if line.startswith("PUT /v2/biot-plugins/blobs/")]) == 2, "layer and config"
    assert not [
        line for line in requests if line.startswith("GET /v2/") and "/blobs/" in line and "biot-plugins" in line
    ]


def test_images_made_at_once_share_one_login(images: Images, code: dict[str, Any]) -> None:
    names = [f"wave{number}" for number in range(8)]
    declared = [images.inputs(**code | {"name": name}) for name in names]
    states: list[dict[str, Any]] = []
    start = threading.Barrier(len(names))

    def create(inputs: dict[str, Any]) -> None:
        start.wait()
        states.append(plain(images.provider.create(inputs).outs))

    threads = [threading.Thread(target=create, args=(inputs,)) for inputs in declared]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(images.platform.images.tags()) == {state["image_tag"] for state in states}
    assert len(states) == len(names)
    assert images.requests().count(CREDENTIALS) == 1


def test_a_clock_that_is_fast_by_hours_asks_for_no_more_credentials(
    images: Images,
) -> None:
    answer = images.provider.connection.client("shop/dev/wave").get_docker_credentials()
    old = answer.credentials.model_copy(update={"expiration": "2020-01-01T00:00:00Z"})
    fetches: list[int] = []

    def fetch() -> Any:
        fetches.append(1)
        return answer.model_copy(update={"credentials": old})

    login = RegistryLogin(fetch)
    assert login.access() == login.access()
    assert len(fetches) == 1


def test_keys_are_fetched_anew_five_minutes_before_they_expire(images: Images) -> None:
    answer = images.provider.connection.client("shop/dev/wave").get_docker_credentials()
    fetches: list[int] = []
    now = [time.time()]

    def fetch() -> Any:
        fetches.append(1)
        return answer

    login = RegistryLogin(fetch, lambda: now[0])
    for seconds, fetched in ((0, 1), (3200, 1), (3310, 2)):
        now[0] = time.time() + seconds
        login.access()
        assert len(fetches) == fetched


def test_a_token_that_expired_is_fetched_anew_once(images: Images, code: dict[str, Any]) -> None:
    images.create(**code)
    images.platform.end_image_tokens()
    state = images.create(**code | {"name": "later"})
    assert state["image_tag"] in images.platform.images.tags()
    assert images.requests().count(CREDENTIALS) == 2


@pytest.mark.parametrize("place", ["PUT manifests/wave", "POST blobs/uploads/"])
@pytest.mark.parametrize("answer", ["registry-token-expired", "401"])
def test_a_token_that_expires_in_the_middle_is_fetched_anew_once(
    answer: str, place: str, images: Images, code: dict[str, Any]
) -> None:
    expire(images, answer, place, times=1)
    state = images.create(**code)
    assert images.platform.images.tags() == {state["image_tag"]: state["digest"]}
    assert images.requests().count(CREDENTIALS) == 2


@pytest.mark.parametrize("answer", ["registry-token-expired", "401"])
def test_new_credentials_that_are_refused_too_are_an_error(answer: str, images: Images, code: dict[str, Any]) -> None:
    expire(images, answer, "POST blobs/uploads/", times=None)
    text = images.failure(**code)
    assert ANSWERS[answer] in text
    assert uncoded(text).endswith("though the credentials are new; run `pulumi up` again")
    assert "\n" not in text
    assert images.requests().count(CREDENTIALS) == 2
    assert images.platform.images.tags() == {}


def expire(images: Images, answer: str, place: str, times: int | None) -> None:
    method, path = place.split()
    if answer == "401":
        errors = {"errors": [{"code": "UNAUTHORIZED", "message": "no"}]}
        images.platform.faults.add(method=method, path=path, times=times, status=401, json=errors)
    else:
        images.platform.faults.add(answer, method=method, path=path, times=times)


def test_a_registry_that_refuses_the_push_is_an_error_that_names_whom_to_ask(
    images: Images, code: dict[str, Any]
) -> None:
    images.platform.faults.add("registry-denied", method="POST", path="blobs/uploads/", times=None)
    text = images.failure(**code)
    assert text.startswith("push image 'wave' to 127.0.0.1:")
    assert "403" in text
    assert uncoded(text).endswith("ask BioT whether the temporary credentials may push to this repository")
    assert images.requests().count(CREDENTIALS) == 1


def test_where_looking_for_a_tag_is_not_allowed_it_is_pushed(images: Images, code: dict[str, Any]) -> None:
    images.platform.contract_variants.set(repository_reads="forbidden")
    state = images.create(**code)
    assert images.platform.images.tags() == {state["image_tag"]: state["digest"]}


def test_a_tag_that_cannot_change_is_taken_as_it_is(images: Images, code: dict[str, Any]) -> None:
    tag = images.inputs(**code)["image_tag"]
    theirs = images.platform.images.add(tag)
    images.platform.contract_variants.set(image_tags="immutable")
    # It comes there between the look and the push.
    not_found = {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "no"}]}
    images.platform.faults.add(method="HEAD", path=f"manifests/{tag}", times=1, status=404, json=not_found)
    assert images.create(**code)["digest"] == theirs


def test_a_connection_cut_in_a_layer_leaves_no_tag_and_the_next_run_succeeds(
    images: Images, code: dict[str, Any], ecr: Ecr, docker_registry: DockerRegistry, monkeypatch: pytest.MonkeyPatch,
    base_image: Path, tmp_path: Path,
) -> None:  # fmt: skip
    docker_registry.push(base_image, "3.13", "base/python")
    images.file("code/model.bin", secrets.token_bytes(5_000_000))
    with cutting_proxy(docker_registry.host, 1_000_000) as cut:
        images.use(ecr, docker_registry, monkeypatch, host=cut)
        inputs = images.inputs(**code | {"base_image": f"{cut}/base/python:3.13"})
        with Stopwatch() as stopwatch:
            text = images.failure_of(inputs)
    assert stopwatch.seconds < 10
    assert "push the layer sha256:" in text
    assert uncoded(text).endswith("no tag has changed: run `pulumi up` again")
    assert inputs["image_tag"] not in docker_registry.tags()
    images.platform.faults.clear()
    again = images.another_process()
    again.use(ecr, docker_registry, monkeypatch)
    state = again.create(**code | {"base_image": f"{docker_registry.host}/base/python:3.13"})
    pulled = docker_registry.pull(state["image_tag"], tmp_path / "pulled")
    assert pulled.files["var/task/model.bin"] == (images.folder / "code/model.bin").read_bytes()


def test_a_registry_that_falls_silent_is_given_up(
    images: Images, code: dict[str, Any], ecr: Ecr, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("biot_provider.image.distribution.STALL_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        images.use_host(ecr, f"localhost:{silent.getsockname()[1]}", monkeypatch)
        text = images.failure(**code | {"base_image": "public.example/x:1"})
    assert "the connection broke (no byte went through for 60 s)" in text


def test_a_machines_own_aws_and_netrc_configuration_does_not_count(
    images: Images, code: dict[str, Any], ecr: Ecr, registry: MemoryRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_base(registry)
    images.use(ecr, registry, monkeypatch)
    own = {
        "AWS_PROFILE": "canary-none", "AWS_REGION": "mars-1", "AWS_ACCESS_KEY_ID": "canary-key",
        "AWS_CONFIG_FILE": str(images.file("aws/config", "[profile x\nnonsense")),
        "AWS_SHARED_CREDENTIALS_FILE": str(images.file("aws/credentials", "[[")),
        "NETRC": str(images.file("netrc", "machine localhost login canary-user password canary-password\n")),
    }  # fmt: skip
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    state = images.create(**code | {"base_image": f"{registry.host}/base/python:3.13"})
    assert f"biot-plugins/{state['image_tag']}" in registry.manifests


def test_keys_that_ecr_does_not_know_are_an_error_that_does_not_show_them(
    images: Images, code: dict[str, Any], ecr: Ecr, monkeypatch: pytest.MonkeyPatch
) -> None:
    response = ecr.temp_credentials("registry.example")
    unknown = secrets.token_hex(20)
    response["credentials"] |= {"secretAccessKey": unknown, "sessionToken": unknown}
    images.platform.faults.add(method="GET", path="temp-credentials", times=None, status=200, json=response)
    monkeypatch.setenv("AWS_ENDPOINT_URL_ECR", ecr.url)
    text = images.failure(**code)
    assert text.startswith("log in to the image repository: AWS ECR answered ")
    assert unknown not in text
    assert "\n" not in text


def test_an_ecr_that_cannot_be_reached_is_named(images: Images, code: dict[str, Any], mocker: MockerFixture) -> None:
    mocker.patch("random.uniform", return_value=0.001)
    response = images.provider.connection.client("shop/dev/wave").get_docker_credentials()
    gone = response.model_copy(update={"repository_uri": "127.0.0.1:1/biot-plugins"})
    with pytest.raises(ImageError, match=r"^log in to the image repository: the connection broke \(\[Errno 111\]"):
        RegistryLogin(lambda: gone).access()


@pytest.mark.parametrize("name", [".wh.index.py", ".wh..wh..opq", "lib/.wh.a/b.py"])
def test_a_name_that_would_take_files_of_the_base_away_is_refused_at_preview(
    name: str, images: Images, code: dict[str, Any]
) -> None:
    images.file(f"code/{name}", "x")
    (problem,) = images.problems(**code)
    assert problem == (
        f"code: {images.folder / 'code'}: {name} has a name by which a layer takes files of the image away (.wh.):"
        " rename it, or name it in .biotignore"
    )
    images.file("code/.biotignore", ".wh.*")
    assert images.problems(**code) == []
