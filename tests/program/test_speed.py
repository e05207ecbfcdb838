"""What a plugin costs a program beside a bare resource, in calls: no other load of the machine changes these."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import cProfile, json, pstats
import pulumi
from pulumi.dynamic import Resource, ResourceProvider
import biot_provider as biot

class Mocks(pulumi.runtime.Mocks):
    def new_resource(self, args):
        return args.name, dict(args.inputs)
    def call(self, args):
        return {}

class BareProvider(ResourceProvider):
    serialize_as_secret_always = False

class Bare(Resource, module="bench", name="Bare"):
    def __init__(self, name, **properties):
        super().__init__(BareProvider(), name, properties)

def calls(kind, count):
    pulumi.runtime.set_mocks(Mocks(), project="shop", stack="dev", preview=True)

    @pulumi.runtime.test
    def declare():
        for number in range(count):
            kind(f"{count}-{number}", display_name="Plugin", code="code", runtime="python3.13", timeout=30,
                memory_size=256, environment_variables={"THRESHOLD": "90", "MODE": "strict"})

    profile = cProfile.Profile()
    profile.enable()
    declare()
    profile.disable()
    return pstats.Stats(profile).total_calls

def each(kind):
    few, more, many = (calls(kind, count) for count in (20, 60, 180))
    return [(more - few) / 40, (many - more) / 120]

calls(biot.Plugin, 1), calls(Bare, 1)
print(json.dumps({"plugin": each(biot.Plugin), "bare": each(Bare)}))
"""


def test_a_plugin_costs_a_program_little_more_than_a_bare_resource_however_many_there_are(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    (few, many), (bare, _) = found["plugin"], found["bare"]
    assert few < 1.25 * bare, found
    assert many < 1.1 * few, found
