"""A package never sits in memory whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from biot_provider.emulator import Platform
from biot_provider.emulator.http.server import running

SIZE = 16 * 1024 * 1024

UPLOAD = """
import json, os, resource, sys
UNIT = 1 if sys.platform == "darwin" else 1024  # of the most memory, in bytes
from pathlib import Path
from biot_provider.api.client import Client
from biot_provider.config import Settings
from biot_provider.package.package import read_package
from biot_provider.api.session import Session
from biot_provider.api.transport import open_transport

url, service_id, folder = sys.argv[1:]
settings = Settings(url, service_id, os.environ["KEY"])
client = Client(Session(settings, open_transport(settings)))
client.create_plugin({"name": "small", "displayName": "Small", "version": 1, "runtime": "python3.13"})
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
package = read_package(Path(folder))
with open(Path(folder).parent / "package.zip", "w+b") as target:
    size = package.write_zip(target)
    target.seek(0)
    client.create_plugin({"name": "big", "displayName": "Big", "version": 1, "runtime": "python3.13"}, target)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"size": size, "grown": (after - before) * UNIT}))
"""


def test_packing_and_uploading_takes_a_fraction_of_it_in_memory(tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    with (code / "weights.bin").open("wb") as file:
        for _ in range(SIZE // 2**20):
            file.write(os.urandom(2**20))  # what does not shrink
    (code / "index.py").write_text("def handler(event, context): ...\n")
    with Platform(tmp_path / "data") as platform, running(tmp_path / "data") as base_url:
        done = subprocess.run(
            [sys.executable, "-c", UPLOAD, base_url, platform.service_id, str(code)],
            env=os.environ | {"KEY": platform.service_secret_key},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert len(platform.code("big") or b"") == json.loads(done.stdout)["size"] > SIZE
    assert json.loads(done.stdout)["grown"] < SIZE / 4, done.stdout
