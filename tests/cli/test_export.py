"""`biot-provider export`: which plugins, what is in their files, what an export over another one does."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from biot_provider.api.client import Client
from biot_provider.cli import main
from biot_provider.cli.progress import Progress
from biot_provider.config import Settings
from biot_provider.emulator import Platform
from biot_provider.plugin.manifest.fleet import read_fleet
from biot_provider.plugin.stamp import STAMP_VARIABLE, Stamp, owner_hash

from .conftest import Doctor

Run = Callable[..., tuple[int, str, str]]
ROLE = "9f0a4c1b-7c3e-4b3f-9a51-0a2b1c3d4e5f"
QUIET = "quiet-as-a-mouse"


@pytest.fixture
def run(doctor: Doctor, platform: Platform, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Exports the platform to `plugins` for the stack `dev`, variables to a file; gives code, output and problems."""
    doctor.stack({"biot:baseUrl": f"embedded:{tmp_path / 'data'}"})
    doctor.environment(PULUMI_STACK="dev")
    (doctor.bin / "pulumi").unlink()

    def export(*arguments: str) -> tuple[int, str, str]:
        given = ["export", "--out", "fleet", "--variables-file", "variables.json", *arguments]
        return main(given), *capsys.readouterr()

    return export


def deploy(platform: Platform, name: str, **config: Any) -> None:
    given = {"name": name, "displayName": name, "version": 1, "runtime": "nodejs22.x", "timeout": 3, **config}
    platform.plugins.create(given, None, "http://x")


def change(platform: Platform, name: str, **config: Any) -> None:
    platform.plugins.update(f"Plugin-{name}", config, None, "http://x")


def manifest(doctor: Doctor, name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((doctor.folder / f"fleet/{name}/plugin.yaml").read_text()))


def files(doctor: Doctor) -> dict[str, bytes]:
    return {
        str(path.relative_to(doctor.folder)): path.read_bytes() for path in doctor.folder.rglob("*") if path.is_file()
    }


def test_a_plugin_is_its_configuration_in_the_names_of_the_api_without_what_is_as_by_default(
    run: Run, platform: Platform, doctor: Doctor
) -> None:
    deploy(
        platform,
        "guard",
        displayName="Guard: №1",
        memorySize=256,
        environmentVariables={"API_KEY": QUIET, "MODE": "012"},
        subscriptions={
            "interceptionOrder": 5,
            "interceptions": [
                {"type": "PRE_REQUEST", "apiId": "POST/a/v1/b"},
                {"type": "ADAPT_ENTITY", "entityTypeName": "patient", "order": 9},
            ],
        },
        cors={"allowOrigins": ["https://app.acme.example"]},
        enabledState="DISABLED",
    )
    code, output, problems = run()
    assert (code, problems) == (0, "")
    shown = manifest(doctor, "guard")
    assert list(shown) == [
        "displayName", "runtime", "handler", "timeout", "memorySize", "enabledState", "subscriptions", "cors"
    ]  # fmt: skip
    assert shown["displayName"] == "Guard: №1"
    assert shown["subscriptions"] == {
        "interceptionOrder": 5,
        "interceptions": [
            {"type": "PRE_REQUEST", "apiId": "POST/a/v1/b"},
            {"type": "ADAPT_ENTITY", "entityTypeName": "patient", "order": 9},
        ],
    }
    text = (doctor.folder / "fleet/guard/plugin.yaml").read_text()
    assert "environmentVariables: API_KEY, MODE" in text
    assert "until there is code here" in text.replace("\n# ", " ")
    assert "import.json" in (doctor.folder / "fleet/.gitignore").read_text()

    # Values are in files of the owner alone, and a program with them declares what runs.
    loud = {path for path, content in files(doctor).items() if QUIET.encode() in content}
    assert loud == {"variables.json", "fleet/import.json"}
    for private in ("variables.json", "fleet/import.json"):
        assert stat.S_IMODE((doctor.folder / private).stat().st_mode) == 0o600
    assert QUIET not in output
    overrides = json.loads((doctor.folder / "variables.json").read_text())
    declared = read_fleet(doctor.folder / "fleet", overrides)["guard"]
    assert declared["environment_variables"] == {"API_KEY": QUIET, "MODE": "012"}


def test_a_second_export_shows_what_changed_and_overwrites_nothing(
    run: Run, platform: Platform, doctor: Doctor
) -> None:
    deploy(platform, "guard", environmentVariables={"API_KEY": QUIET})
    deploy(platform, "old")
    assert run()[0] == 0
    first = files(doctor)
    code, output, _ = run()
    assert (code, files(doctor)) == (0, first)
    assert "2 plugins (2 unchanged)" in output

    platform.plugins.delete("Plugin-old")
    change(platform, "guard", timeout=30, environmentVariables={"API_KEY": f"{QUIET}r", "MORE": "1"})
    deploy(platform, "late")
    code, output, _ = run()
    assert code == 3
    assert "fleet: 2 plugins (1 new, 1 different)" in output
    assert "guard: timeout: 3 here, 30 on the platform" in output
    assert "old: only here" in output
    assert "--force" in output
    assert QUIET not in output
    changed = {path for path, content in files(doctor).items() if first.get(path) != content}
    assert changed == {"fleet/late/plugin.yaml"}

    assert run("--force")[0] == 0
    assert manifest(doctor, "guard")["timeout"] == 30
    assert json.loads((doctor.folder / "variables.json").read_text())["guard"]["environmentVariables"] == {
        "API_KEY": f"{QUIET}r",
        "MORE": "1",
    }
    assert run()[0] == 0
    assert run("late", "--force")[0] == 0
    assert set(json.loads((doctor.folder / "variables.json").read_text())) == {"guard"}


def test_a_file_of_ones_own_that_says_the_same_stays_as_it_is(run: Run, platform: Platform, doctor: Doctor) -> None:
    deploy(platform, "guard", environmentVariables={"MODE": "strict", "LEVEL": "1"})
    text = "# Mine.\nname: Plugin-guard\nruntime: nodejs22.x\nenvironmentVariables:\n  MODE: strict\n"
    doctor.file("fleet/mine/plugin.yaml", text)
    code, output, _ = run()
    assert code == 0
    assert "1 plugin (1 unchanged)" in output
    assert sorted(path.name for path in (doctor.folder / "fleet").iterdir()) == [".gitignore", "import.json", "mine"]
    assert (doctor.folder / "fleet/mine/plugin.yaml").read_text() == text
    overrides = json.loads((doctor.folder / "variables.json").read_text())
    assert overrides == {"mine": {"environmentVariables": {"LEVEL": "1"}}}


def test_a_file_that_is_overwritten_keeps_what_the_platform_knows_nothing_of(
    run: Run, platform: Platform, doctor: Doctor
) -> None:
    deploy(platform, "guard")
    doctor.file("fleet/guard/build/index.js", "exports.handler = async () => ({})")
    doctor.file("fleet/guard/plugin.yaml", "code: build\nadopt: true\ntimeout: 9\n")
    code, output, _ = run()
    assert code == 3
    assert [line.split(": ")[1] for line in output.splitlines() if line.startswith("    guard: ")] == [
        "code",
        "timeout",
    ]
    assert run("--force")[0] == 3  # the code is still other code
    kept = manifest(doctor, "guard")
    assert (kept["code"], kept["adopt"], kept["timeout"]) == ("build", True, 3)
    assert "until there is code here" not in (doctor.folder / "fleet/guard/plugin.yaml").read_text().replace(
        "\n# ", " "
    )


def test_a_file_that_cannot_be_read_is_a_difference(run: Run, platform: Platform, doctor: Doctor) -> None:
    deploy(platform, "guard")
    doctor.file("fleet/guard/plugin.yaml", "timeot: 3")
    code, output, _ = run()
    assert code == 3
    assert "did you mean 'timeout'?" in output


def test_patterns_choose_and_all_that_fit_nothing_are_named(run: Run, platform: Platform, doctor: Doctor) -> None:
    for name in ("vitals-guard", "vitals-watch", "other"):
        deploy(platform, name)
    code, output, problems = run("vitals-*", "othr", "none")
    assert (code, output) == (1, "")
    assert "'othr'; did you mean 'other'?" in problems
    assert "'none'" in problems
    assert not (doctor.folder / "fleet").exists()
    assert run("vitals-*")[0] == 0
    assert {path.name for path in (doctor.folder / "fleet").glob("*/")} >= {"vitals-guard", "vitals-watch"}
    assert not (doctor.folder / "fleet/other").exists()


def test_names_that_are_no_folders_get_one_and_those_of_no_declaration_are_named(
    run: Run, platform: Platform, doctor: Doctor
) -> None:
    for name in ("NUL", "venv", "Guard", "guard"):
        deploy(platform, name)
    assert run()[0] == 0
    folders = {
        path.parent.name: manifest(doctor, path.parent.name).get("name") for path in doctor.folder.glob("fleet/*/*")
    }
    assert folders == {"NUL_": "NUL", "venv_": "venv", "Guard": None, "guard_": "guard"}
    assert "4 plugins (4 unchanged)" in run()[1]
    platform.variants.add("plugin", "name", "../../etc")
    code, _, problems = run()
    assert code == 0
    assert "plugin '../../etc': has a name that no declaration can have" in problems


def test_what_lists_leave_out_is_read_and_a_plugin_that_goes_meanwhile_is_named(
    run: Run, platform: Platform, doctor: Doctor
) -> None:
    deploy(platform, "guard", environmentVariables={"API_KEY": QUIET})
    deploy(platform, "gone")
    platform.variants.add("plugin", "environmentVariables", missing=True, path="plugins$")
    platform.faults.add(method="GET", path="Plugin-gone", status=404, json={"code": "PLUGIN_NOT_FOUND", "message": "-"})
    code, _, problems = run()
    assert code == 0
    assert problems == "biot-provider: warning: plugin 'gone': was deleted meanwhile, so it is left out [BIOT-8080]\n"
    assert "API_KEY" in (doctor.folder / "fleet/guard/plugin.yaml").read_text()


def test_plugins_of_another_stack_are_one_warning(run: Run, platform: Platform) -> None:
    for name in ("a", "b", "c", "d"):
        owner = owner_hash(f"shop/prod/{name}")
        deploy(platform, name, environmentVariables={STAMP_VARIABLE: str(Stamp(owner, "0" * 64))})
    code, _, problems = run()
    assert code == 0
    (line,) = problems.splitlines()
    owners = [f"plugin '{name}' (owner {owner_hash(f'shop/prod/{name}')})" for name in ("a", "b", "c")]
    assert f"{', '.join(owners)} and 1 more: belongs to another stack or resource: this stack leaves it alone" in line


def test_code_that_this_stack_has_deployed_is_required(run: Run, platform: Platform, doctor: Doctor) -> None:
    for name, owner in (("lost", "shop/dev/lost"), ("theirs", "shop/prod/theirs")):
        deploy(platform, name, environmentVariables={STAMP_VARIABLE: str(Stamp(owner_hash(owner), "0" * 64))})
    code, output, problems = run()
    assert code == 3
    assert "lost: code: this very stack has deployed it" in output
    assert "plugin 'lost': runs code that this very stack has deployed" in problems
    assert "theirs: code" not in output
    texts = {name: (doctor.folder / f"fleet/{name}/plugin.yaml").read_text() for name in ("lost", "theirs")}
    assert "replaces the plugin" in texts["lost"].replace("\n# ", " ")
    assert "a preview says unchanged" in texts["theirs"].replace("\n# ", " ")
    shown = json.loads(run("--json")[1])
    assert {plugin["name"]: plugin["needsCode"] for plugin in shown["plugins"]} == {"lost": True, "theirs": False}


def test_what_the_native_provider_has_in_state_is_not_to_be_imported(
    doctor: Doctor, run: Run, platform: Platform
) -> None:
    deploy(platform, "dynamic")
    deploy(platform, "native")
    deploy(platform, "new")
    types = {"dynamic": "pulumi-python:dynamic/biot:Plugin", "native": "biot:index:Plugin"}
    resources = [{"type": type_, "id": name, "urn": f"urn:{name}"} for name, type_ in types.items()]
    doctor.file("state.json", json.dumps({"deployment": {"resources": resources}}))
    doctor.command(
        "pulumi",
        '#!/bin/sh\ncase "$*" in\n"version") echo v3.259.0 ;;\nconfig*) echo "{}" ;;\n'
        f"stack\\ export*) exec /bin/cat {doctor.folder / 'state.json'} ;;\nesac\n",
    )
    code, output, problems = run("--json")
    assert code == 0, problems
    assert [entry["name"] for entry in json.loads(output)["import"]] == ["new"]
    assert "dynamic" in problems
    assert "native" in problems


def test_a_program_in_another_language_is_sent_to_the_native_import(run: Run, doctor: Doctor) -> None:
    doctor.file("Pulumi.yaml", "name: shop\nruntime: yaml\nstackConfigDir: stacks\n")
    code, output, problems = run()
    assert (code, output) == (1, "")
    assert problems == (
        "biot-provider: this project's runtime is yaml, whose programs use the native provider:"
        " use `pulumi import biot:index:Plugin NAME ID` [BIOT-8055]\n"
    )


def test_an_image_whose_tag_is_not_known_is_marked_and_kept(run: Run, platform: Platform, doctor: Doctor) -> None:
    platform.images.add("v7")
    deploy(platform, "pictured", deploymentPackageType="IMAGE", imageTag="v7", runtime=None)
    code, _, problems = run()
    assert code == 0
    assert "runs an image whose tag" in problems
    assert manifest(doctor, "pictured")["imageTag"] == "as-deployed"
    assert "runtime" not in manifest(doctor, "pictured")
    assert run()[0] == 0


def test_code_of_ones_own_account_is_a_program_without_what_is_of_hosted_plugins_and_this_connection(
    doctor: Doctor, platform: Platform, served: str, run: Run
) -> None:
    doctor.stack({})
    deploy(platform, "guard")
    with contextlib.closing(Client.connect(Settings.read(lambda _: None, os.environ))) as client:
        hosted = client.get_plugin("guard").endpoint_url
        deployer = client.create_service_user({"name": "deployer", "roleId": ROLE, "type": "EXTERNAL_SERVICE"})
        client.create_service_user({"name": "robot", "roleId": ROLE, "type": "EXTERNAL_SERVICE"})
        for endpoint in (hosted, f"{hosted}hook", "https://a.acme.example/b?code=quiet", "https://a.acme.example/c"):
            client.subscribe_notification({"entityTypeName": "patient", "actionName": "_create", "endpoint": endpoint})
    doctor.as_user(served, (deployer.id, deployer.secret_key_data.secret_key))
    code, output, problems = run("--own-account", "own_account.py")
    assert code == 0, problems
    assert "'deployer': is the identity of this very connection" in problems
    program = (doctor.folder / "own_account.py").read_text()
    assert re.findall(r'biot\.\w+\(\s*"([^"]*)"', program) == ["robot", "patient-create", "patient-create-2"]
    assert "quiet" not in program + output
    assert "pulumi config set --secret patient-create-endpoint" in output
    assert {entry["name"] for entry in json.loads((doctor.folder / "fleet/import.json").read_text())["resources"]} == {
        "guard", "robot", "patient-create", "patient-create-2"
    }  # fmt: skip


def test_words_that_nobody_knows_stop_nothing_and_are_named(run: Run, platform: Platform, doctor: Doctor) -> None:
    deploy(platform, "guard")
    platform.variants.add("plugin", "enabledState", "SUSPENDED")
    code, output, _ = run()
    assert code == 3
    assert "guard: " in output
    assert "enabledState: must be 'ENABLED' or 'DISABLED', not 'SUSPENDED'" in output
    assert "--force" not in output
    assert manifest(doctor, "guard")["enabledState"] == "SUSPENDED"


@pytest.mark.usefixtures("pauses")
@pytest.mark.parametrize("fault", ["forbidden", "bad-gateway", "not-json"])
def test_a_platform_that_stops_at_the_second_page_leaves_nothing(
    run: Run, platform: Platform, doctor: Doctor, fault: str
) -> None:
    for number in range(120):
        deploy(platform, f"p{number}")
    platform.faults.add(fault, method="GET", path="/plugins", skip=1, times=100)
    before = files(doctor)
    code, output, problems = run()
    assert (code, output) == (1, "")
    assert problems.startswith("biot-provider: list plugins: ")
    assert len(problems.splitlines()) == 1
    assert files(doctor) == before


def test_a_place_that_cannot_be_written_leaves_nothing(run: Run, platform: Platform, doctor: Doctor) -> None:
    deploy(platform, "a")
    deploy(platform, "z")
    doctor.file("fleet/z", "a file")
    before = files(doctor)
    code, _, problems = run()
    assert code == 1
    assert "cannot be written" in problems
    assert files(doctor) == before
    assert [path.name for path in (doctor.folder / "fleet").iterdir()] == ["z"]
    assert "is no folder" in run("--out", "fleet/z")[2]


def test_without_an_engine_values_need_a_file(doctor: Doctor, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "--out", "fleet"]) == 1
    assert "--variables-file" in capsys.readouterr().err
    assert not (doctor.folder / "fleet").exists()


def test_hundreds_of_plugins_take_a_request_a_page_and_nothing_is_written_to_the_platform(
    run: Run, platform: Platform, doctor: Doctor
) -> None:
    for number in range(300):
        deploy(platform, f"p{number}", environmentVariables={"NUMBER": str(number)})
    platform.request_log.clear()
    code, output, problems = run("--json")
    assert (code, problems) == (0, "")
    shown = json.loads(output)
    assert {plugin["file"] for plugin in shown["plugins"]} == {"new"}
    assert len(shown["plugins"]) == len(shown["import"]) == 300
    asked = [entry for entry in platform.requests() if not entry["path"].endswith("/accessToken")]
    assert {entry["method"] for entry in asked} == {"GET"}
    assert len(asked) <= 9


def test_progress_is_for_terminals_and_for_what_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        is_terminal = True

        def isatty(self) -> bool:
            return self.is_terminal

    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    now = [0.0]
    monkeypatch.setattr("biot_provider.cli.progress.monotonic", lambda: now[0])
    monkeypatch.setattr("biot_provider.cli.progress._INTERVAL_SECONDS", 600.0)
    with Progress() as progress:
        progress.show("early")
        now[0] = 1.5
        progress.show("late")
    assert shown.getvalue() == "\r\033[Klate\r\033[K"
    monkeypatch.setattr("biot_provider.cli.progress._INTERVAL_SECONDS", 0.1)
    with Progress() as progress:
        now[0] = 9.6
        progress.show("a long one" * 50)
        deadline = time.monotonic() + 120
        while "8 s" not in shown.getvalue() and time.monotonic() < deadline:
            progress.show("a long one")
            time.sleep(0.1)
    assert "\r\033[Ka long one (8 s)" in shown.getvalue()
    assert max(map(len, shown.getvalue().split("\r\033[K"))) < 80
    shown.is_terminal = False
    with Progress() as progress:
        now[0] = 5.0
        progress.show("unseen")
    assert "unseen" not in shown.getvalue()


def test_an_identity_of_the_stack_alone_is_the_one_that_reads(
    doctor: Doctor, platform: Platform, served: str, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy(platform, "guard")
    doctor.stack({"biot:baseUrl": served})
    doctor.environment(BIOT_SERVICE_SECRET_KEY="wrong", BIOT_SERVICE_SECRET_KEY_DEV=platform.service_secret_key)
    (doctor.bin / "pulumi").unlink()
    for arguments in (["export", "--out", "fleet", "--variables-file", "variables.json"], ["import", "guard=guard"]):
        assert main([*arguments, "--stack", "dev"]) == 0, capsys.readouterr()
