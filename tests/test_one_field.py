"""A new attribute is one field: what a person writes for it, and all that follows from that.

The exercise of CONTRIBUTING: in a copy of the package, the made-up ``retention_days`` of a plugin is added.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent

WRITTEN = {
    "biot_provider/plugin/model.py": (
        "    memory_size: Annotated",
        '    retention_days: Annotated[Integer, Field(ge=1, le=365), Unit(" (days)")] = Field(\n'
        '        default=30, description="how long the platform keeps the logs"\n'
        "    )\n",
    ),
    "biot_provider/api/models/plugins.py": ("    memory_size: Whole", "    retention_days: Whole = None\n"),
    "biot_provider/emulator/plugins/rules.py": (
        '    "memorySize": Attribute',
        '    "retentionDays": Attribute(integer(1, 365), default=30),\n',
    ),
}
"""What a person writes, by file: the line before which it stands, and the text."""

GENERATED = (
    "biot_provider/program/resources/plugin.py",
    "biot_provider/program/resources/plugin_info.py",
    "biot_provider/native/schema.json",
    "docs/reference/plugin.md",
    "docs/reference/functions.md",
    "docs/reference/plugin-yaml.md",
)
"""What follows, by `make docs`."""

SCRIPT = """
import inspect, json, sys
from pathlib import Path
from pulumi.dynamic import Config, ConfigureRequest
import biot_provider as biot
from biot_provider.emulator import Platform
from biot_provider.plugin.manifest.fleet import read_fleet
from biot_provider.provider.plugin import PluginProvider

data, fleet = Path(sys.argv[1]), Path(sys.argv[2])
provider = PluginProvider()
provider.configure(ConfigureRequest(Config({"biot:baseUrl": f"embedded:{data}"}, "shop")))

def checked(**given):
    return provider.check({}, {"name": "guard", "__owner": "shop/dev/guard", **given})

plain = checked().inputs
state = provider.create(plain).outs
read = provider.read("guard", state)
longer = checked(retention_days=90).inputs
diff = provider.diff("guard", state, longer)
updated = provider.update("guard", state, longer).outs
with Platform(data) as platform:
    live = platform.plugins.get("Plugin-guard")
    writes = [request for request in platform.requests() if request["method"] in ("POST", "PATCH")]
print(json.dumps({
    "package": biot.__file__,
    "parameter": str(inspect.signature(biot.Plugin.__init__).parameters["retention_days"].annotation),
    "output": isinstance(vars(biot.Plugin).get("retention_days"), property),
    "info": "retention_days" in biot.PluginInfo.model_fields,
    "problems": [failure.reason for failure in checked(retention_days=0).failures],
    "default": plain["retention_days"],
    "state": state["retention_days"],
    "read": [read.outs["retention_days"], read.inputs["retention_days"]],
    "unchanged": provider.diff("guard", read.outs, plain).changes,
    "changed": [diff.changes, diff.replaces],
    "writes": [[request["method"], request["config"]] for request in writes if "/plugins" in request["path"]],
    "live": live["retentionDays"],
    "updated": updated["retention_days"],
    "manifest": read_fleet(fleet, {})["guard"]["retention_days"],
}))
"""


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Python in the copy, with the copy's package."""
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with the attribute in it, the generated files still without."""
    folder = tmp_path_factory.mktemp("copy")
    for name in ("biot_provider", "tools/generate", "docs/reference", "docs/images"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "pyproject.toml", folder)
    for name, (anchor, text) in WRITTEN.items():
        source = (folder / name).read_text("utf-8")
        before, found, after = source.partition(anchor)
        assert found, f"{name} has no line that begins with {anchor!r}"
        (folder / name).write_text(before + text + found + after, "utf-8")
    return folder


@pytest.fixture(scope="module")
def generated(copy: Path) -> Path:
    """The copy after `make docs`, which `make check` asks for."""
    check = run(copy, "-m", "tools.generate", "--check")
    assert check.returncode == 1
    assert check.stderr.splitlines() == [f"{name} is not what the models say: run `make docs`" for name in GENERATED]
    written = run(copy, "-m", "tools.generate")
    assert written.returncode == 0, written.stderr
    return copy


@pytest.fixture(scope="module")
def found(generated: Path) -> dict[str, Any]:
    """What the copy does with the attribute, from program to platform and back."""
    manifest = generated / "fleet" / "guard" / "plugin.yaml"
    manifest.parent.mkdir(parents=True)
    manifest.write_text("displayName: Guard\nretentionDays: 7\n")
    done = run(generated, "-c", SCRIPT, str(generated / "data"), str(generated / "fleet"))
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert Path(found["package"]).is_relative_to(generated)
    return found


def test_three_places_are_written_by_hand(generated: Path) -> None:
    differing = {
        file.relative_to(generated).as_posix()
        for file in generated.rglob("*")
        if file.suffix in (".py", ".md", ".toml")
        and file.read_bytes() != (ROOT / file.relative_to(generated)).read_bytes()
    }
    assert {name for name in differing if name not in GENERATED} == set(WRITTEN)
    assert len(WRITTEN) == 3


def test_a_program_can_give_it_and_gets_it_back(found: dict[str, Any]) -> None:
    assert found["parameter"].startswith("typing.Union[int,")
    assert found["output"]
    assert found["info"]


def test_the_check_refuses_what_is_out_of_range_and_fills_in_the_default(found: dict[str, Any]) -> None:
    assert found["problems"] == ["retention_days: must be 1 to 365 (days), not 0 [BIOT-2002]"]
    assert found["default"] == 30


def test_it_goes_to_the_platform_and_comes_back_without_a_difference(found: dict[str, Any]) -> None:
    create, _ = found["writes"]
    assert (create[0], create[1]["retentionDays"]) == ("POST", 30)
    assert (found["state"], found["read"]) == (30, [30, 30])
    assert found["unchanged"] is False


def test_a_change_of_it_patches_just_it(found: dict[str, Any]) -> None:
    assert found["changed"] == [True, []]
    assert found["writes"][1:] == [["PATCH", {"retentionDays": 90}]]
    assert (found["live"], found["updated"]) == (90, 90)


def test_a_plugin_yaml_may_hold_it(found: dict[str, Any]) -> None:
    assert found["manifest"] == 7


def test_the_reference_page_describes_it(generated: Path) -> None:
    page = (generated / "docs" / "reference" / "plugin.md").read_text("utf-8")
    row = "| `retention_days` | `int` | 1 to 365 (days) | `30` | how long the platform keeps the logs |"
    assert row in page.splitlines()
