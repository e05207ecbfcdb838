"""What passes by itself at a registry does not end an `up`; what stays does, in one line, and nothing is hammered."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pytest_mock import MockerFixture

    from .declared import Images

REQUESTS = {
    "look for a tag": ("HEAD", "manifests/wave-"),
    "read a manifest": ("GET", "manifests/3.13"),
    "read a config": ("GET", "blobs/sha256"),
    "look for a layer": ("HEAD", "blobs/sha256"),
    "begin an upload": ("POST", "blobs/uploads/"),
    "upload a layer": ("PUT", "blobs/uploads/"),
    "push a tag": ("PUT", "manifests/wave-"),
}
PASSING: dict[str, dict[str, Any]] = {
    "503": {"kind": "unavailable", "headers": {}},
    "reset after": {"cut": "reset-before", "when": "after"},
}
"""What a registry refuses, and what it does though the response is lost."""


@pytest.fixture(autouse=True)
def _short_backoff(mocker: MockerFixture) -> None:
    mocker.patch("random.uniform", return_value=0.01)


@pytest.fixture
def code(images: Images) -> dict[str, Any]:
    images.file("code/index.py", "")
    return {"code": "code", "base_image": "embedded/base/python:3.13"}


def sent(images: Images, request: str) -> int:
    method, path = REQUESTS[request]
    return len([line for line in images.requests() if line.startswith(method) and re.search(path, line)])


@pytest.mark.parametrize("fault", PASSING)
@pytest.mark.parametrize("request_", REQUESTS)
def test_what_passes_does_not_end_an_up(images: Images, code: dict[str, Any], request_: str, fault: str) -> None:
    method, path = REQUESTS[request_]
    images.platform.faults.add(method=method, path=path, times=2, **PASSING[fault])
    state = images.create(**code)
    assert images.platform.images.tags() == {state["image_tag"]: state["digest"]}
    assert images.platform.faults.all()[0]["struck"] == 2


@pytest.mark.parametrize("request_", REQUESTS)
def test_what_stays_is_one_line_after_four_tries(images: Images, code: dict[str, Any], request_: str) -> None:
    method, path = REQUESTS[request_]
    images.platform.faults.add("unavailable", headers={}, method=method, path=path, times=None)
    text = images.failure(**code)
    assert "the registry answered 503" in text
    assert "\n" not in text
    assert sent(images, request_) == 4
    assert images.platform.images.tags() == {}


@pytest.mark.parametrize("status", [400, 404, 405, 501])
def test_a_refusal_is_not_repeated(images: Images, code: dict[str, Any], status: int) -> None:
    images.platform.faults.add(method="PUT", path="manifests/wave-", status=status, json={}, times=None)
    images.failure(**code)
    assert sent(images, "push a tag") == 1


def test_a_manifest_that_is_cut_off_is_read_again(images: Images, code: dict[str, Any]) -> None:
    images.platform.faults.add(method="GET", path="manifests/3.13", status=200, body='{"schemaVersion": 2, "la')
    images.platform.faults.add("truncated", method="GET", path="manifests/3.13")
    images.platform.faults.add("truncated", method="GET", path="blobs/")
    images.create(**code)
    assert sent(images, "read a manifest") == 3
