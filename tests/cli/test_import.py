"""`biot-provider import`: what it refuses, what it says, and what it writes."""

from __future__ import annotations

import contextlib
import json
import stat
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from biot_provider.api.client import Client
from biot_provider.cli import main
from biot_provider.config import Settings
from biot_provider.emulator import Platform
from biot_provider.package.drafts import DRAFT

from .conftest import PULUMI, Doctor

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(doctor: Doctor, platform: Platform, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command for the stack `dev` on the platform; gives exit code, output and problems."""
    doctor.stack({"biot:baseUrl": f"embedded:{tmp_path / 'data'}"})
    doctor.environment(PULUMI_STACK="dev")
    deploy(platform, "hello")

    def import_(*arguments: str) -> tuple[int, str, str]:
        return main(["import", *arguments]), *capsys.readouterr()

    return import_


def deploy(platform: Platform, name: str, **config: Any) -> None:
    given = {"name": name, "displayName": name, "version": 1, "runtime": "nodejs22.x", "timeout": 3, **config}
    platform.plugins.create(given, None, "http://x")


def entry(doctor: Doctor, name: str = "hello") -> dict[str, Any]:
    resources = json.loads((doctor.folder / "import.json").read_text())["resources"]
    (found,) = [resource for resource in resources if resource["name"] == name]
    return dict(found)


def test_all_that_does_not_exist_is_named_at_once_and_nothing_is_written(run: Run, doctor: Doctor) -> None:
    user = str(uuid.uuid4())
    before = sorted(doctor.folder.rglob("*"))
    code, output, problems = run(
        "a=no-such", "hello=hello", f"robot=ServiceUser:{user}", "told=NotificationSubscription:patient _create",
        "adapts=InterceptionSubscription:ADAPT_ENTITY device https://a.example/b?code=quiet",
    )  # fmt: skip
    assert (code, output) == (1, "")
    assert [line.split()[1] for line in problems.splitlines()] == ["a:", "robot:", "read", "adapts:", "nothing"]
    assert "quiet" not in problems
    assert sorted(doctor.folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("argument", "says"),
    [
        ("hello", "must be NAME=ID"),
        ("k=ServiceUserKey:a/b", "the platform shows it once"),
        ("i=PluginImage:a", "an image needs no import"),
        ("u=ServiseUser:a", "did you mean 'ServiceUser'?"),
        ("other=hello", "its id is that of 'hello' too"),
        ("hello=other", "two resources of one kind have this name"),
        ("--code=helo=x", "no plugin is imported as 'helo'; did you mean 'hello'?"),
        ("--parent=group", "is no URN"),
    ],
)
def test_wrong_usage_is_one_line(run: Run, argument: str, says: str) -> None:
    code, output, problems = run("hello=hello", argument)
    assert (code, output) == (2, "")
    (line,) = problems.splitlines()
    assert says in line


def test_an_existing_file_stays_without_force(run: Run, doctor: Doctor) -> None:
    file = doctor.file("import.json", "mine")
    file.chmod(0o644)
    code, _, problems = run("hello=hello")
    assert code == 1
    assert "--force" in problems
    assert file.read_text() == "mine"
    assert run("hello=hello", "--force")[0] == 0
    assert entry(doctor)["id"] == "hello"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in doctor.folder.iterdir() if path.name.startswith(DRAFT)] == []


def test_the_json_holds_all_but_secrets(run: Run, platform: Platform, doctor: Doctor) -> None:
    deploy(platform, "loud", environmentVariables={"TOKEN": "loud-and-clear"})
    code, output, problems = run("hello=hello", "mine=Plugin-loud", "--json")
    assert (code, problems) == (0, "")
    shown = json.loads(output)
    assert [resource["id"] for resource in shown["resources"]] == ["hello", "loud"]
    assert shown["configuration"] == ["mine-TOKEN"]
    assert len(shown["commands"]) == 2
    assert "loud-and-clear" not in output
    signature = "4dabf18193072939515e22adb298388d"
    for properties in ("inputs", "outputs"):
        variables = entry(doctor, "mine")[properties]["environment_variables"]
        assert variables["TOKEN"][signature] == "1b47061264138c4ac30d75fd1eb44270"


def test_an_image_whose_tag_is_not_known_is_kept(run: Run, platform: Platform, doctor: Doctor) -> None:
    platform.images.add("v7")
    deploy(platform, "pictured", deploymentPackageType="IMAGE", imageTag="v7", runtime=None)
    code, output, problems = run("a=pictured")
    assert code == 0
    assert 'image_tag="as-deployed"' in output
    assert "runtime" not in output
    assert len(problems.splitlines()) == 1
    assert "--image-tag" in problems
    code, output, problems = run("a=pictured", "--image-tag", "a=v7", "--force")
    assert (code, problems) == (0, "")
    assert entry(doctor, "a")["outputs"]["image_tag"] == "v7"


def test_a_word_that_nobody_knows_is_declared_as_it_is(run: Run, platform: Platform) -> None:
    platform.variants.add("plugin", "enabledState", "PAUSED")
    code, output, problems = run("hello=hello")
    assert (code, problems) == (0, "")
    assert 'enabled_state="PAUSED"' in output


def test_what_no_program_can_declare_is_named(run: Run, platform: Platform, tmp_path: Path) -> None:
    hook = "https://a.acme.example/b"
    with contextlib.closing(Client.connect(Settings(f"embedded:{tmp_path / 'data'}"))) as client:
        client.subscribe_interception({"type": "ADAPT_ENTITY", "entityName": "device", "endpoint": hook})
    platform.variants.add("interception", "executionOrder", "first")
    code, _, problems = run(f"adapts=InterceptionSubscription:ADAPT_ENTITY device {hook}")
    assert code == 0
    assert (
        f"warning: interception 'ADAPT_ENTITY device {hook}': cannot be declared as it is: execution_order" in problems
    )


@pytest.mark.parametrize("member", ["timeout", "ephemeralStorage", "cors", "environmentVariables", "subscriptions"])
@pytest.mark.parametrize("is_missing", [True, False])
def test_what_an_older_platform_does_not_show_is_as_by_default(
    run: Run, platform: Platform, doctor: Doctor, member: str, is_missing: bool
) -> None:
    platform.variants.add("plugin", member, missing=is_missing)
    code, _, problems = run("hello=hello")
    assert (code, problems) == (0, "")
    assert entry(doctor)["outputs"]["timeout"] == 3


def test_an_engine_that_is_too_old_is_named(run: Run, doctor: Doctor) -> None:
    doctor.command("pulumi", PULUMI.replace("3.259.0", "3.250.1"))
    code, output, problems = run("hello=hello")
    assert (code, output) == (1, "")
    assert "3.254.0 or later" in problems
    assert not (doctor.folder / "import.json").exists()


@pytest.mark.usefixtures("pauses")
@pytest.mark.parametrize(("fault", "says"), [("forbidden", "403"), ("bad-gateway", "502"), ("reset", "reset")])
def test_a_platform_that_refuses_is_one_line(
    run: Run, platform: Platform, doctor: Doctor, fault: str, says: str
) -> None:
    platform.faults.add(fault, method="GET", path="/plugins", times=100)
    code, _, problems = run("hello=hello")
    assert code == 1
    assert says in problems
    assert "Traceback" not in problems
    assert not (doctor.folder / "import.json").exists()


def test_a_platform_without_data_is_not_made(doctor: Doctor, capsys: pytest.CaptureFixture[str]) -> None:
    doctor.stack({"biot:baseUrl": "embedded"})
    assert main(["import", "hello=hello", "--stack", "dev"]) == 1
    assert "has no data yet" in capsys.readouterr().err
    assert not (doctor.folder / ".biot").exists()
