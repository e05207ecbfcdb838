"""One program and several platforms: explicit providers, and what a program reads while it runs."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from biot_provider.emulator import Platform
from biot_provider.emulator.http.server import running

from .conftest import Project


def test_one_program_deploys_to_two_platforms_by_two_providers(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "eu"
    with Platform(folder) as platform, running(folder) as base_url:
        key = platform.service_secret_key
        program = (
            "import os\n"
            "eu = biot.Provider('eu', base_url={url!r}, service_id={id!r}, service_secret_key=os.environ['EU_KEY'])\n"
            "biot.Plugin('hello', opts=pulumi.ResourceOptions(provider=eu))\n"
            "biot.Plugin('here')\n"
        )
        project.environment["EU_KEY"] = key
        project.program(program.format(url=base_url, id=platform.service_id))

        project.up().succeeded()

        assert {row["name"] for row in platform.plugins.search({})["data"]} == {"hello"}
        assert project.names() == {"here"}
        assert key not in project.stored_text()
        assert project.preview().succeeded().unchanged

        # Another identity is an update of the provider, and no change of the plugins.
        other_id, other_key = platform.add_service_user()
        project.environment["EU_KEY"] = other_key
        project.program(program.format(url=base_url, id=other_id))
        changed = project.up().succeeded()
        assert changed.changes == {"same": 3, "update": 1}
        assert changed.steps == {}

        # So is another address of the same platform.
        project.program(program.format(url=base_url.replace("127.0.0.1", "localhost"), id=other_id))
        moved = project.up().succeeded()
        assert (moved.changes, moved.steps) == ({"same": 3, "update": 1}, {})

        project.destroy().succeeded()
        assert platform.plugins.search({})["data"] == []


def test_a_wrong_address_stops_a_run_before_anything_is_written_and_no_plugin_is_forgotten(project: Project) -> None:
    project.declare({"hello": {}})
    project.up().succeeded()
    right = project.config["biot:baseUrl"]
    wrong = f"embedded:{project.folder / 'production'}"
    project.config["biot:baseUrl"] = wrong
    project.declare({"hello": {"timeout": 9}, "new": {}})
    told = f"deployed it to {right}, and {wrong}, which is configured now, has no plugin 'hello' of this stack"

    for arguments in (["preview"], ["preview", "--refresh"], ["up", "--yes"], ["refresh", "--yes", "--run-program"]):
        project.pulumi(*arguments).failed(told)
    assert project.refresh().succeeded().unchanged  # which goes where the plugins were deployed
    with Platform(project.folder / "production") as production:
        assert production.plugins.search({})["data"] == []
    assert set(project.resources()) == {"hello"}

    project.config["biot:baseUrl"] = right
    project.declare({"hello": {}})
    assert project.preview("--refresh", "--expect-no-changes").succeeded().unchanged


def test_a_stack_from_before_addresses_were_recorded_gets_them_without_a_change(project: Project) -> None:
    project.declare({"hello": {}})
    project.up().succeeded()
    address = project.resources()["hello"]["outputs"]["__platform"]
    kept = project.pulumi("stack", "export").succeeded().stdout
    older = json.loads(kept)
    for resource in older["deployment"]["resources"]:
        resource.get("outputs", {}).pop("__platform", None)
    project.pulumi("stack", "import", stdin=json.dumps(older)).succeeded()
    assert "__platform" not in project.resources()["hello"]["outputs"]

    assert project.preview("--expect-no-changes").succeeded().unchanged
    refresh = project.refresh().succeeded()

    assert project.resources()["hello"]["outputs"]["__platform"] == address
    assert "__platform" not in refresh.output
    assert project.preview("--refresh", "--expect-no-changes").succeeded().unchanged


def test_a_program_reads_plugins_of_its_platform(project: Project) -> None:
    canary = secrets.token_hex(16)
    for number in range(103):  # more than one page
        project.platform.plugins.create(
            {
                "name": f"old-{number:03}",
                "displayName": f"Old {number}",
                "version": 1,
                "memorySize": 512 if number % 2 else 128,
                "environmentVariables": {"TOKEN": canary},
            },
            None,
            "http://embedded",
        )
    project.program(
        "one = biot.get_plugin('old-007')\n"
        "assert one.environment_variables == {'TOKEN': one.environment_variables['TOKEN']}\n"
        "pulumi.export('one', [one.name, one.version, one.memory_size, repr(one)])\n"
        "pulumi.export('all', len({p.name for p in biot.list_plugins()}))\n"
        "pulumi.export('big', len(biot.list_plugins(filters={'memorySize': {'gte': 512}})))\n"
        "pulumi.export('last', biot.list_plugins(sort=[{'prop': 'name', 'order': 'DESC'}], free_text='old')[0].name)\n"
    )
    project.up().succeeded()
    outputs = project.pulumi("stack", "output", "--json").succeeded().stdout
    assert canary not in outputs
    assert '"all": 103' in outputs
    assert '"big": 51' in outputs
    assert '"last": "old-102"' in outputs
    assert '"old-007"' in outputs


def test_a_plugin_that_a_program_wants_to_read_and_is_not_there_is_one_line(project: Project) -> None:
    project.program("biot.get_plugin('nowhere')")
    project.preview().failed("read plugin 'nowhere'", "404 PLUGIN_NOT_FOUND", "trace id")
