"""A plugin's way to the platform and back is as long as the guide to the code says, and goes where it says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "concepts" / "architecture.md"
MOST_STATIONS = 16

WALK = """
import asyncio, json, sys, threading
from pathlib import Path
import pulumi
import biot_provider as biot
from biot_provider.config import Settings
from biot_provider.lifecycle.connection import Connection
from biot_provider.provider.plugin import PluginProvider

package = str(Path(biot.__file__).parent) + "/"
way = []  # each function that is called, in this order

def enter(frame, event, _):
    code = frame.f_code
    if event == "call" and code.co_filename.startswith(package):
        way.append((code.co_filename.removeprefix(package), code.co_qualname))

class Engine(pulumi.runtime.Mocks):
    def new_resource(self, args):
        threading.setprofile(enter)
        sys.setprofile(enter)
        provider = PluginProvider()
        provider.connect(Connection(Settings("embedded:" + sys.argv[1])))
        given = {name: value for name, value in args.inputs.items() if name != "__provider"}
        made = provider.create(provider.check({}, given).inputs)
        return made.id, made.outs

    def call(self, args):
        return {}

async def walk():
    pulumi.runtime.set_mocks(Engine(), project="shop", stack="dev", preview=False)
    sys.setprofile(enter)
    plugin = biot.Plugin("hello", code=sys.argv[2], runtime="python3.13")
    return await plugin.endpoint_url.future()

asyncio.set_event_loop(loop := asyncio.new_event_loop())
url = loop.run_until_complete(walk())
sys.setprofile(None)
threading.setprofile(None)
assert url.startswith("http"), url
print(json.dumps(way))
"""


def stations() -> list[list[tuple[str, str]]]:
    """The functions that each numbered station of the page names, with their files."""
    section = PAGE.read_text().partition("## A plugin's way to the platform and back")[2].partition("\n## ")[0]
    items = re.split(r"\n\d+\. ", section)[1:]
    return [re.findall(r"`(\w+/[\w/]+\.py)`\s+`([\w.]+)`", item) for item in items]


def test_a_plugin_passes_the_stations_that_the_page_lists_in_this_order(tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "index.py").write_text("def handler(event, context):\n    return {'statusCode': 200}\n")
    command = [sys.executable, "-c", WALK, str(tmp_path / "data"), str(code)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    way = iter([tuple(step) for step in json.loads(run.stdout.splitlines()[-1])])
    listed = stations()
    assert len(listed) <= MOST_STATIONS
    for station in listed:
        assert station
        for step in station:
            assert step in way, f"{step} comes later than the page says, or not at all"
