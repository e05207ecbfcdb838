"""What builders write, read as one image that AWS Lambda runs."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from biot_provider.errors import ImageError
from biot_provider.image.artifact import Blob, Image
from biot_provider.image.dockerfile.archive import read_image, unpack

from ..layouts import OCI, Layout, digest, write_big, write_tar

if TYPE_CHECKING:
    from ..servers import DockerRegistry, Ecr


def read(archive: Path) -> Image:
    folder = archive.parent
    (folder / "scratch").mkdir()
    with archive.open("rb") as stream:
        unpack(stream, folder / "output")
    return read_image(folder / "output", folder / "scratch")


def test_of_an_index_the_one_image_is_taken_and_its_attestation_left(tmp_path: Path) -> None:
    layout = Layout()
    amd64, other = {"os": "linux", "architecture": "amd64"}, {"os": "unknown", "architecture": "unknown"}
    image = layout.image(platform=amd64)
    attestation = layout.image(
        b"canary-attested", platform=other, annotations={"vnd.docker.reference.type": "attestation-manifest"}
    )
    index = layout.index(image, attestation)
    found = read(layout.write(tmp_path / "archive.tar", index))
    assert found.digest == image["digest"]
    assert found.media_type == f"{OCI}.manifest.v1+json"


def test_layers_that_are_no_gzip_become_gzip_and_equal_bytes_equal_digests(tmp_path: Path) -> None:
    files: dict[str, bytes] = {
        "config.json": json.dumps({"os": "linux", "architecture": "amd64", "rootfs": {}}).encode(),
        "one/layer.tar": b"canary-one" * 1000,
        "two/layer.tar": gzip.compress(b"canary-two", mtime=0),
    }
    entry = {"Config": "config.json", "Layers": ["one/layer.tar", "two/layer.tar"]}
    files["manifest.json"] = json.dumps([entry]).encode()
    images = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        images.append(read(write_tar(tmp_path / name / "archive.tar", files)))
    one, two = images
    assert one.digest == two.digest
    content = [layer.file.read_bytes() for layer in one.layers if layer.file]
    assert gzip.decompress(content[0]) == files["one/layer.tar"]
    assert content[1] == files["two/layer.tar"]
    assert one.config.file is not None
    config = json.loads(one.config.file.read_bytes())
    assert config["rootfs"]["diff_ids"] == [digest(files["one/layer.tar"]), digest(b"canary-two")]


def test_a_layer_the_repository_has_is_not_compressed_again(tmp_path: Path) -> None:
    files: dict[str, bytes] = {
        "config.json": json.dumps({"os": "linux", "architecture": "amd64", "rootfs": {}}).encode(),
        "old/layer.tar": b"canary-old" * 1000,
        "new/layer.tar": b"canary-new",
    }
    entry = {"Config": "config.json", "Layers": ["old/layer.tar", "new/layer.tar"]}
    files["manifest.json"] = json.dumps([entry]).encode()
    (tmp_path / "scratch").mkdir()
    with write_tar(tmp_path / "archive.tar", files).open("rb") as stream:
        unpack(stream, tmp_path / "output")
    there = Blob(digest(b"the old layer as another compressor wrote it"), 44)
    found = read_image(tmp_path / "output", tmp_path / "scratch", {digest(files["old/layer.tar"]): there})
    assert found.layers[0] == there
    assert json.loads(found.manifest)["layers"][0]["digest"] == there.digest
    assert sorted(path.name for path in (tmp_path / "scratch").iterdir()) == ["1.tar.gz", "config.json"]


def zstd(layout: Layout) -> list[dict[str, Any]]:
    return [layout.image(b"\x28\xb5\x2f\xfd-zstd", f"{OCI}.layer.v1.tar+zstd")]


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda layout: [layout.image(architecture="arm64")], "the image that was built is linux/arm64"),
        (lambda layout: [layout.image(), layout.image(b"other")], "wrote 2 images for linux/amd64 in place of one"),
        (lambda _: [], "wrote 0 images for linux/amd64 in place of one"),
        (zstd, "layers of zstd, which AWS Lambda does not take"),
        (lambda layout: [layout.json([], f"{OCI}.manifest.v1+json")], "what the builder wrote is no image"),
        (
            lambda _: [{"mediaType": "x", "digest": "sha256:../../../../etc/passwd", "size": 1}],
            "what the builder wrote is no image",
        ),
    ],
    ids=["arm64", "two", "none", "zstd", "no manifest", "outside"],
)
def test_what_lambda_would_not_take_is_refused_in_one_line(make: Any, text: str, tmp_path: Path) -> None:
    layout = Layout()
    with pytest.raises(ImageError) as caught:
        read(layout.write(tmp_path / "archive.tar", *make(layout)))
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["../outside", "/tmp/biot-outside", "a/../../outside"])
def test_an_archive_writes_nothing_outside_of_its_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="leaves the folder"):
        read(write_tar(tmp_path / "archive.tar", {name: b"canary"}))
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize("content", [b"", b"no archive"], ids=["empty", "text"])
def test_what_is_no_archive_is_said_so(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "archive.tar").write_bytes(content)
    with pytest.raises(ImageError, match="what the builder wrote "):
        read(tmp_path / "archive.tar")


STREAMED = """
import json, resource, sys
from pathlib import Path
from biot_provider.image.dockerfile.archive import read_image, unpack
from biot_provider.image.credentials import RegistryLogin
from biot_provider.image.registry import Registry
from biot_provider.api.models.images import DockerCredentials

folder = Path(sys.argv[1])
registry = Registry(RegistryLogin(lambda: DockerCredentials.model_validate(json.load(sys.stdin))))
registry.find("none")  # what it loads counts before
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with open(folder / "archive.tar", "rb") as stream:
    unpack(stream, folder / "output")
image = read_image(folder / "output", folder)
registry.push("big", image, registry.absent(image), lambda _stage: None)
print(sum(layer.size for layer in image.layers), (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


def test_an_archive_with_a_layer_of_300_mb_is_streamed(
    ecr: Ecr, docker_registry: DockerRegistry, tmp_path: Path
) -> None:
    write_big(tmp_path / "archive.tar", 300_000_000)
    done = subprocess.run(
        [sys.executable, "-c", STREAMED, str(tmp_path)],
        input=json.dumps(ecr.temp_credentials(docker_registry.host)),
        env={**os.environ, "SSL_CERT_FILE": str(docker_registry.ca), "AWS_ENDPOINT_URL_ECR": ecr.url},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    size, grown = map(int, done.stdout.split())
    assert size >= 300_000_000
    assert grown < 50_000_000
    assert "big" in docker_registry.tags()
