"""Temporary keys, ECR's token and the image registry, through clients others wrote: boto3, python-dxf, skopeo."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import subprocess
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import boto3
import dxf
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from biot_provider.emulator import Platform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .conftest import Caller

CREDENTIALS = "/settings/v2/plugins/docker-repository/temp-credentials"
PERMISSION = "SETTINGS_PLUGIN_GET_DOCKER_REPOSITORY_TEMP_CREDENTIALS"
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
IMAGE: dict[str, Any] = {"deploymentPackageType": "IMAGE", "imageTag": "wave-1"}


def authorization(answer: Any) -> str:
    """ECR's token for the platform's temporary keys."""
    keys, host = answer["credentials"], answer["repositoryUri"].partition("/")[0]
    ecr = boto3.client(
        "ecr",
        answer["region"],
        endpoint_url=f"http://{host}",
        aws_access_key_id=keys["accessKeyId"],
        aws_secret_access_key=keys["secretAccessKey"],
        aws_session_token=keys["sessionToken"],
        config=Config(proxies={}, retries={"total_max_attempts": 1}),
    )
    with contextlib.closing(ecr):
        data = ecr.get_authorization_token()["authorizationData"][0]
    assert 11 * 3600 < data["expiresAt"].timestamp() - time.time() < 13 * 3600
    return str(data["authorizationToken"])


@dataclass
class Pusher:
    """Raw requests of somebody who has a token."""

    host: str
    token: str
    http: httpx.Client

    def put_blob(self, content: bytes, repository: str = "biot-plugins") -> str:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        begun = self.http.post(f"/v2/{repository}/blobs/uploads/")
        assert begun.status_code == 202, begun.text
        put = self.http.put(begun.headers["Location"], params={"digest": digest}, content=content)
        assert put.status_code == 201, put.text
        return digest

    def put_manifest(self, tag: str, document: Any, media_type: str = DOCKER) -> httpx.Response:
        headers = {"Content-Type": media_type}
        return self.http.put(f"/v2/biot-plugins/manifests/{tag}", content=json.dumps(document), headers=headers)

    def push(self, tag: str, *, layer: bytes = b"canary-layer", media_type: str = DOCKER, **config: str) -> str:
        """An image of one layer, for linux/amd64 unless `config` says otherwise; gives its digest."""
        document = {
            "schemaVersion": 2,
            "mediaType": media_type,
            "config": {
                "digest": self.put_blob(json.dumps({"os": "linux", "architecture": "amd64", **config}).encode())
            },
            "layers": [{"mediaType": LAYER, "digest": self.put_blob(layer)}],
        }
        answer = self.put_manifest(tag, document, media_type)
        assert answer.status_code == 201, answer.text
        return answer.headers["Docker-Content-Digest"]

    def repository(self, name: str = "biot-plugins") -> dxf.DXF:
        repository = dxf.DXF(self.host, name, insecure=True)
        repository.token = self.token
        return repository


@pytest.fixture
def pusher(request: pytest.FixtureRequest) -> Iterator[Pusher]:
    """One that asks the platform in process, unless the test says `outside`; its registry has a port in both."""
    call: Caller = request.getfixturevalue(getattr(request, "param", "inside"))
    answer = call.http.get(CREDENTIALS).json()
    host, token = answer["repositoryUri"].partition("/")[0], authorization(answer)
    with httpx.Client(
        base_url=f"http://{host}",
        headers={"Authorization": f"Basic {token}"},
        trust_env=False,
        verify=False,
        timeout=60,
    ) as http:
        yield Pusher(host, token, http)


def error(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal of the registry."""
    return answer.status_code, answer.json()["errors"][0]["code"]


def test_the_keys_are_of_the_documented_shape_and_live_one_hour(inside: Caller) -> None:
    answer = inside.http.get(CREDENTIALS)
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"credentials", "region", "repositoryUri"}
    assert set(body["credentials"]) == {"accessKeyId", "secretAccessKey", "sessionToken", "expiration"}
    left = datetime.fromisoformat(body["credentials"]["expiration"]).timestamp() - time.time()
    assert 3590 < left <= 3601


def test_keys_ask_for_their_own_permission(inside: Caller, platform: Platform, refused: Any) -> None:
    inside.log_in(*platform.add_service_user([]))
    refused(inside.http.get(CREDENTIALS), 403, "ACCESS_DENIED")
    inside.log_in(*platform.add_service_user([PERMISSION]))
    assert inside.http.get(CREDENTIALS).status_code == 200


def test_a_served_platform_has_its_registry_at_its_own_address(outside: Caller) -> None:
    host = outside.http.get(CREDENTIALS).json()["repositoryUri"].partition("/")[0]
    assert f"http://{host}" == str(outside.http.base_url).rstrip("/")


def test_the_registry_of_a_platform_in_process_listens_on_the_same_port_next_time(tmp_path: Path) -> None:
    with Platform(tmp_path) as platform:
        host = platform.registry_host
        assert httpx.get(f"http://{host}/v2/", trust_env=False, timeout=60).status_code == 401
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://{host}/v2/", trust_env=False, timeout=60)
    with Platform(tmp_path) as platform, Platform(tmp_path) as beside:
        assert platform.registry_host == host
        assert beside.registry_host != host


def test_a_process_that_opened_the_registry_ends_by_itself(tmp_path: Path, script: Callable[..., list[str]]) -> None:
    code = (
        "import sys, pathlib; from biot_provider.emulator import Platform\n"
        "print(Platform(pathlib.Path(sys.argv[1])).registry_host)"
    )
    done = subprocess.run(script(code, tmp_path), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("127.0.0.1:")


@pytest.mark.parametrize("spoilt", ["accessKeyId", "sessionToken"])
def test_ecr_knows_only_keys_of_the_platform(inside: Caller, spoilt: str) -> None:
    answer = inside.http.get(CREDENTIALS).json()
    answer["credentials"][spoilt] = "canaryUnknown"
    with pytest.raises(ClientError) as raised:
        authorization(answer)
    assert raised.value.response["Error"]["Code"] == "UnrecognizedClientException"


def test_keys_and_tokens_end(inside: Caller, platform: Platform, pusher: Pusher) -> None:
    answer = inside.http.get(CREDENTIALS).json()
    platform.end_image_tokens()
    with pytest.raises(ClientError) as raised:
        authorization(answer)
    assert raised.value.response["Error"]["Code"] == "ExpiredTokenException"
    refusal = pusher.http.get("/v2/")
    assert error(refusal) == (403, "DENIED")
    assert "token has expired" in refusal.text
    pusher.http.headers["Authorization"] = f"Basic {authorization(inside.http.get(CREDENTIALS).json())}"
    assert pusher.http.get("/v2/").status_code == 200


@pytest.mark.parametrize("given", [None, "Basic", "Basic !", f"Basic {base64.b64encode(b'AWS:canary').decode()}"])
def test_the_registry_lets_nobody_in_without_a_token(pusher: Pusher, given: str | None) -> None:
    del pusher.http.headers["Authorization"]
    headers = {} if given is None else {"Authorization": given}
    for method, path in (("GET", "/v2/"), ("POST", "/v2/biot-plugins/blobs/uploads/"), ("GET", "/v2/x/tags/list")):
        answer = pusher.http.request(method, path, headers=headers)
        assert error(answer) == (401, "UNAUTHORIZED")
        assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")


@pytest.mark.parametrize("pusher", ["inside", "outside"], indirect=True)
def test_python_dxf_pushes_and_reads_back(pusher: Pusher, tmp_path: Path) -> None:
    content = os.urandom(3_000_000)
    (tmp_path / "layer").write_bytes(content)
    repository = pusher.repository()
    digest = repository.push_blob(filename=str(tmp_path / "layer"))
    assert repository.blob_size(digest) == len(content)
    assert b"".join(cast("Iterable[bytes]", repository.pull_blob(digest))) == content
    pushed = pusher.push("wave-1", layer=content)
    assert repository.list_aliases() == ["wave-1"]
    assert repository.head_manifest_and_response("wave-1")[0] == pushed


@pytest.mark.needs_builders
@pytest.mark.parametrize("pusher", ["inside", "outside"], indirect=True)
def test_skopeo_copies_a_base_image_into_the_repository_and_reads_it_back(pusher: Pusher, tmp_path: Path) -> None:
    credentials = base64.b64decode(pusher.token).decode()

    def copy(source: str, target: str) -> None:
        sides = [
            f"--{side}-{option}" for side in ("src", "dest") for option in (f"creds={credentials}", "tls-verify=false")
        ]
        done = subprocess.run(["skopeo", "copy", *sides, source, target], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr

    for base in ("base/python:3.13", "base/node:22"):
        copy(f"docker://{pusher.host}/{base}", f"dir:{tmp_path / 'base'}")
        copy(f"dir:{tmp_path / 'base'}", f"docker://{pusher.host}/biot-plugins:copy")
        copy(f"docker://{pusher.host}/biot-plugins:copy", f"dir:{tmp_path / 'copy'}")
        manifest = (tmp_path / "copy/manifest.json").read_bytes()
        assert manifest == (tmp_path / "base/manifest.json").read_bytes()
        config = json.loads(
            (tmp_path / "copy" / json.loads(manifest)["config"]["digest"].partition(":")[2]).read_text()
        )
        assert (config["os"], config["architecture"], config["config"]["WorkingDir"]) == ("linux", "amd64", "/var/task")


def test_a_blob_belongs_to_a_repository_until_it_is_mounted_into_another(pusher: Pusher) -> None:
    manifest = pusher.http.get("/v2/base/python/manifests/3.13").json()
    digest = manifest["layers"][0]["digest"]
    assert error(pusher.http.get(f"/v2/biot-plugins/blobs/{digest}")) == (404, "BLOB_UNKNOWN")
    assert error(pusher.put_manifest("early", manifest)) == (404, "MANIFEST_BLOB_UNKNOWN")
    for source, status in (("base/node", 202), ("nowhere", 202), ("base/python", 201)):
        mount = pusher.http.post("/v2/biot-plugins/blobs/uploads/", params={"mount": digest, "from": source})
        assert mount.status_code == status
    assert pusher.http.head(f"/v2/biot-plugins/blobs/{digest}").status_code == 200


def test_what_is_put_must_have_its_digest(pusher: Pusher) -> None:
    digest = f"sha256:{hashlib.sha256(b'whole').hexdigest()}"
    begun = pusher.http.post("/v2/biot-plugins/blobs/uploads/").headers["Location"]
    assert error(pusher.http.put(begun, params={"digest": digest}, content=b"who")) == (400, "DIGEST_INVALID")
    assert pusher.http.head(f"/v2/biot-plugins/blobs/{digest}").status_code == 404
    assert error(pusher.put_manifest(digest, {"layers": []})) == (400, "DIGEST_INVALID")


def test_of_a_blob_in_pieces_only_the_first_is_kept_as_in_ecr(pusher: Pusher) -> None:
    upload = pusher.http.post("/v2/biot-plugins/blobs/uploads/").headers["Location"]
    for piece in (b"first", b"second"):
        assert pusher.http.patch(upload, content=piece).headers["Range"] == "0-4"
    whole = f"sha256:{hashlib.sha256(b'firstsecond').hexdigest()}"
    assert error(pusher.http.put(upload, params={"digest": whole})) == (400, "DIGEST_INVALID")


@pytest.mark.parametrize(
    ("method", "path", "refusal"),
    [
        ("GET", "/v2/nothing/manifests/x", (404, "NAME_UNKNOWN")),
        ("GET", "/v2/biot-plugins/manifests/x", (404, "MANIFEST_UNKNOWN")),
        ("GET", f"/v2/biot-plugins/manifests/sha256:{'0' * 64}", (404, "MANIFEST_UNKNOWN")),
        ("GET", f"/v2/biot-plugins/blobs/sha256:{'0' * 64}", (404, "BLOB_UNKNOWN")),
        ("GET", "/v2/biot-plugins/blobs/sha256:..", (400, "DIGEST_INVALID")),
        ("PUT", "/v2/biot-plugins/blobs/uploads/nothing", (404, "BLOB_UPLOAD_UNKNOWN")),
        ("PUT", "/v2/biot-plugins/manifests/x", (415, "MANIFEST_INVALID")),
        ("PUT", "/v2/biot-plugins/manifests/-x", (400, "TAG_INVALID")),
        ("POST", "/v2/base/python/blobs/uploads/", (403, "DENIED")),
        ("PUT", "/v2/base/python/manifests/3.13", (403, "DENIED")),
    ],
)
def test_what_is_not_there_or_not_allowed_is_said_in_the_registrys_form(
    pusher: Pusher, method: str, path: str, refusal: tuple[int, str]
) -> None:
    assert error(pusher.http.request(method, path)) == refusal


@pytest.mark.parametrize("text", ["", "[]", "{", '{"layers": [{}]}', '{"layers": [{"digest": 1}]}'])
def test_a_manifest_that_is_none_is_refused(pusher: Pusher, text: str) -> None:
    headers = {"Content-Type": DOCKER}
    answer = pusher.http.put("/v2/biot-plugins/manifests/x", content=text, headers=headers)
    assert error(answer) == (400, "MANIFEST_INVALID")


def test_with_immutable_tags_a_tag_is_set_once(pusher: Pusher, platform: Platform) -> None:
    digest = pusher.push("wave-1")
    pusher.push("wave-1", layer=b"canary-other")
    platform.contract_variants.set(image_tags="immutable")
    document = pusher.http.get(f"/v2/biot-plugins/manifests/{digest}").json()
    refusal = pusher.put_manifest("wave-1", document)
    assert error(refusal) == (400, "TAG_INVALID")
    assert "immutable" in refusal.text
    assert pusher.put_manifest("wave-2", document).status_code == 201


def test_with_forbidden_reads_the_repository_can_only_be_pushed_to(pusher: Pusher, platform: Platform) -> None:
    pusher.push("wave-1")
    platform.contract_variants.set(repository_reads="forbidden")
    assert pusher.http.head("/v2/biot-plugins/manifests/wave-1").status_code == 403
    assert error(pusher.http.get("/v2/biot-plugins/tags/list")) == (403, "DENIED")
    assert pusher.http.get("/v2/base/python/manifests/3.13").status_code == 200
    pusher.push("wave-2")
    assert set(platform.images.tags()) == {"wave-1", "wave-2"}


def test_an_image_plugin_needs_a_tag_that_is_in_the_repository(inside: Caller, pusher: Pusher, refused: Any) -> None:
    refused(inside.create(**IMAGE), 404, "PLUGIN_IMAGE_TAG_NOT_FOUND")
    assert inside.get("guard").status_code == 404
    pusher.push("wave-1")
    created = inside.created(**IMAGE)
    assert (created["runtime"], created["handler"], "imageTag" in created) == (None, None, False)
    refused(inside.patch("guard", {"imageTag": "wave-2", "version": 2}), 404, "PLUGIN_IMAGE_TAG_NOT_FOUND")
    assert inside.got("guard")["version"] == 1
    pusher.push("wave-2")
    assert inside.patched("guard", {"imageTag": "wave-2", "version": 2})["version"] == 2


def test_an_image_aws_lambda_would_not_take_is_refused(inside: Caller, pusher: Pusher, refused: Any) -> None:
    digest = pusher.push("arm", architecture="arm64")
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [{"mediaType": DOCKER, "digest": digest}]}
    assert pusher.put_manifest("index", index, OCI_INDEX).status_code == 201
    plain = pusher.http.get(f"/v2/biot-plugins/manifests/{digest}").json()
    plain["layers"][0]["mediaType"] = "application/vnd.oci.image.layer.v1.tar+zstd"
    assert pusher.put_manifest("zstd", plain).status_code == 201
    plain["layers"][0]["mediaType"], plain["config"]["digest"] = LAYER, pusher.put_blob(b"[]")
    assert pusher.put_manifest("no-config", plain).status_code == 201
    for tag in ("arm", "index", "zstd", "no-config"):
        details = refused(inside.create(deploymentPackageType="IMAGE", imageTag=tag), 500, "AWS_EXCEPTION")
        assert details == {"className": "InvalidParameterValueException"}


def test_the_image_goes_with_the_last_plugin_that_uses_it(
    inside: Caller, pusher: Pusher, platform: Platform, tmp_path: Path
) -> None:
    pusher.push("wave-1", layer=b"canary-shared")
    pusher.push("wave-2", layer=b"canary-shared", variant="v2")
    for name in ("one", "two"):
        inside.created(name=name, **IMAGE)
    assert inside.delete("one").status_code == 204
    assert set(platform.images.tags()) == {"wave-1", "wave-2"}
    pusher.http.post("/v2/biot-plugins/blobs/uploads/")
    stored = tmp_path / "data/registry"
    blobs = {path.name for path in (stored / "blobs").iterdir()}
    # Blobs nothing refers to are kept for a while, for those who push right now: here it is over.
    for path in stored.rglob("*"):
        os.utime(path, (0, 0))
    assert inside.delete("two").status_code == 204
    assert set(platform.images.tags()) == {"wave-2"}
    gone = blobs - {path.name for path in (stored / "blobs").iterdir()}
    assert list((stored / "uploads").iterdir()) == []
    assert len(gone) == 2, "the manifest and the configuration; the layer is the other image's too"
    assert pusher.http.head("/v2/biot-plugins/manifests/wave-2").status_code == 200
    assert pusher.http.get("/v2/base/python/manifests/3.13").status_code == 200


def test_a_push_that_is_under_way_keeps_its_blobs_when_another_image_goes(inside: Caller, pusher: Pusher) -> None:
    pusher.push("wave-1")
    waiting = pusher.put_blob(b"canary-waits-for-its-manifest")
    inside.created(**IMAGE)
    inside.delete("guard")
    assert pusher.http.head(f"/v2/biot-plugins/blobs/{waiting}").status_code == 200


def test_faults_strike_the_registry_too(pusher: Pusher, platform: Platform) -> None:
    platform.faults.add("registry-denied", path="^/v2/")
    platform.faults.add("registry-token-expired", path="^/v2/")
    answers = [pusher.http.get("/v2/") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [403, 403, 200]
    assert ["expired" in answer.text for answer in answers] == [False, True, False]
    platform.faults.add(method="PUT", path="/blobs/uploads/", kind="reset")
    begun = pusher.http.post("/v2/biot-plugins/blobs/uploads/").headers["Location"]
    with pytest.raises(httpx.TransportError):
        pusher.http.put(begun, content=b"x")


def test_the_request_log_has_what_was_pushed_and_no_token(pusher: Pusher, platform: Platform) -> None:
    pusher.push("wave-1")
    asked = [(entry["method"], entry["path"], entry["status"]) for entry in platform.requests()]
    assert ("POST", "/", 200) in asked
    assert asked[-1] == ("PUT", "/v2/biot-plugins/manifests/wave-1", 201)
    pusher.http.get("/v2/biot-plugins/manifests/x")
    assert platform.requests()[-1]["code"] == "MANIFEST_UNKNOWN"
    assert pusher.token not in json.dumps(platform.requests())


STREAM = """
import resource, sys
UNIT = 1 if sys.platform == "darwin" else 1024  # of the most memory, in bytes
from pathlib import Path
import dxf
from biot_provider.emulator import Platform

folder, token = Path(sys.argv[1]), sys.stdin.read()
with Platform(folder / "data") as platform:
    repository = dxf.DXF(platform.registry_host, "biot-plugins", insecure=True)
    repository.token = token
    repository.list_aliases()  # what it loads counts before
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    digest = repository.push_blob(filename=str(folder / "layer"))
    size = sum(len(chunk) for chunk in repository.pull_blob(digest))
    print(size, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * UNIT)
"""


def test_a_layer_is_streamed_both_ways_by_client_and_registry_in_one_process(
    inside: Caller, tmp_path: Path, script: Callable[..., list[str]]
) -> None:
    whole = 100_000_000
    with (tmp_path / "layer").open("wb") as file:
        file.truncate(whole)
    token = authorization(inside.http.get(CREDENTIALS).json())
    done = subprocess.run(script(STREAM, tmp_path), input=token, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    size, grown = map(int, done.stdout.split())
    assert size == whole
    assert grown < whole / 4
