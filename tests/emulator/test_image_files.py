"""Files of images: pushed, deleted and broken off by several processes at once."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from biot_provider.emulator import Platform
from biot_provider.emulator.images import registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Caller, Talk


def test_the_files_of_an_image_go_after_the_plugin_is_gone_for_sure(
    inside: Caller, platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.images.add("wave-1")
    inside.created(deploymentPackageType="IMAGE", imageTag="wave-1")
    seen: list[int] = []
    remove = platform.images.remove

    def look_first(tag: str) -> None:
        with Platform(tmp_path / "data") as other:
            seen.append(other.plugins.search({})["metadata"]["page"]["totalResults"])
        remove(tag)

    monkeypatch.setattr(platform.images, "remove", look_first)
    assert inside.delete("guard").status_code == 204
    assert seen == [0]
    assert platform.images.tags() == {}


PUSHER = """
import sys, time
from pathlib import Path
from biot_provider.emulator import Platform
from biot_provider.emulator.images.registry import RegistryError

with Platform(Path(sys.argv[1])) as platform:
    end, pushed = time.time() + 60, 0
    while not Path(sys.argv[2]).exists() and time.time() < end:
        try:
            platform.images.add("same")
        except (RegistryError, FileNotFoundError):
            continue  # its parts were taken away before they were an image
        pushed += 1
    print(pushed)
"""


def test_pushes_and_deletions_of_two_processes_leave_no_tag_without_its_image(
    inside: Caller,
    platform: Platform,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    script: Callable[..., list[str]],
) -> None:
    # Without a time of grace whatever is no image yet may go at any moment.
    monkeypatch.setattr(registry, "BLOB_GRACE_SECONDS", 0.0)
    enough = tmp_path / "enough"
    command = script(PUSHER, tmp_path / "data", enough)
    deleted = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as pusher:
        while pusher.poll() is None:
            if inside.create(deploymentPackageType="IMAGE", imageTag="same").status_code == 201:
                with platform._store.writing():
                    assert set(platform.images.tags()) == {"same"}
                    platform.images.require("same")
                assert inside.delete("guard").status_code == 204
                deleted += 1
            if deleted == 5:
                enough.touch()
        assert pusher.stdout is not None
        assert int(pusher.stdout.read()) > 1
    assert deleted >= 5


def test_a_push_that_takes_hours_is_not_taken_apart_by_a_deletion(
    inside: Caller, platform: Platform, tmp_path: Path
) -> None:
    """A manifest that is pushed by its digest, for an index that comes when all of its images are there."""
    stored = platform._registry
    child = platform.images.add("first")
    stored.remove_tag("biot-plugins", "first")
    for path in (tmp_path / "data" / "registry").rglob("*"):
        os.utime(path, (time.time() - 11 * 3600,) * 2)
    platform.images.add("other")
    inside.created(deploymentPackageType="IMAGE", imageTag="other")
    inside.delete("guard")
    manifest = stored.manifest("biot-plugins", child)
    index = json.dumps({"schemaVersion": 2, "manifests": [{"digest": child, "mediaType": manifest.media_type}]})
    stored.put_manifest("biot-plugins", "both", "application/vnd.oci.image.index.v1+json", index.encode())
    assert json.loads(manifest.content)["layers"]


def test_an_upload_that_breaks_off_can_be_made_again(outside: Caller, talk: Talk) -> None:
    keys = outside.platform._ecr.keys()
    token = outside.platform._ecr.authorization(keys.access_key_id, keys.session_token)["authorizationToken"]
    headers = {"Authorization": f"Basic {token}"}
    begun = outside.http.post("/v2/biot-plugins/blobs/uploads/", headers=headers).headers["Location"]
    head = f"PUT {begun}?digest=x HTTP/1.1\r\nHost: localhost:{talk.port}\r\nAuthorization: Basic {token}\r\n"
    with talk.connect(f"{head}Content-Length: 10\r\n\r\nhalf") as there:
        there.shutdown(socket.SHUT_WR)
        assert talk.answer(there)[0] == 400
    digest = f"sha256:{hashlib.sha256(b'whole').hexdigest()}"
    put = outside.http.put(begun, params={"digest": digest}, content=b"whole", headers=headers)
    assert put.status_code == 201
