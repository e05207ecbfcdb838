"""`biot-provider export`, `pulumi import --file`, and what follows, on the real engine."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import stat
import subprocess
import sys

import pytest

from biot_provider.api.client import Client

from ..conftest import HANDLER, ROOT, Project
from .test_import import HOOK, PATIENTS, ROLE, biot_provider, by_hand, import_, printed

pytestmark = pytest.mark.story

GUIDE = ROOT / "docs/guides/platform-to-code.md"


def test_what_exists_becomes_code_with_no_change_and_is_the_stacks_from_then_on(project: Project, api: Client) -> None:
    secret = f"canary-{secrets.token_hex(8)}"
    by_hand(
        project,
        "vitals",
        timeout=30,
        cronSchedule="0 12 * * ? *",
        environmentVariables={"API_KEY": secret, "NUMBER": "012"},
        subscriptions={"interceptionOrder": 7, "interceptions": [{"type": "PRE_REQUEST", "apiId": PATIENTS}]},
    )
    by_hand(project, "Vitals", cors={"allowOrigins": ["https://app.acme.example"]})
    by_hand(project, "nul")
    api.create_service_user({"name": "robot", "roleId": ROLE, "type": "EXTERNAL_SERVICE"})
    api.subscribe_notification(
        {"entityTypeName": "patient", "actionName": "_update", "endpoint": f"{HOOK}?code={secret}"}
    )
    project.forget_requests()
    arguments = ("export", "--out", "fleet", "--own-account", "own_account.py")
    shown = biot_provider(project, *arguments).succeeded()
    file = project.root / "fleet/import.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert secret not in shown.output
    assert secret not in "".join(path.read_text() for path in (project.root / "fleet").glob("*/*"))

    imported = import_(project, shown)
    file.unlink()
    project.program(printed(shown, "The program must contain:"))
    preview = project.preview("--diff").succeeded()
    assert preview.unchanged
    assert project.requests("POST", "PATCH", "DELETE") == []
    assert project.up("--refresh").succeeded().unchanged
    assert len(project.resources()) == 5
    assert secret not in project.stored_text() + imported.output + preview.output
    # What the program declares beside them stays where it is.
    program = printed(shown, "The program must contain:")
    by_hand_too = f'biot.ServiceUser("mine-too", role_id="{ROLE}", type="EXTERNAL_SERVICE")'
    project.program(f'{program}biot.Plugin("mine", runtime="nodejs22.x")\n{by_hand_too}')
    project.up().succeeded()
    again = biot_provider(project, *arguments).succeeded()
    assert "3 plugins (3 unchanged)" in again.stdout
    assert "own_account.py: unchanged" in again.stdout
    assert "plugin 'mine': the stack has it already and declares it elsewhere" in again.stderr
    assert "service user 'mine-too': the stack has it already and declares it elsewhere" in again.stderr
    assert not file.exists()

    project.file("fleet/vitals_/code/index.js", HANDLER)
    assert project.preview().succeeded().steps == {"vitals_": ["update"]}
    assert biot_provider(project, *arguments).code == 3
    project.up().succeeded()
    assert set(project.deployed_files("vitals")) == {"index.js"}
    assert biot_provider(project, *arguments).code == 0

    # What somebody changes in the Console is shown, and comes into the files and the configuration when asked for.
    other = f"canary-{secrets.token_hex(8)}"
    variables = {k: v for k, v in project.shown("vitals")["environmentVariables"].items() if not k.startswith("BIOT_")}
    api.update_plugin("vitals", {"timeout": 31, "environmentVariables": variables | {"API_KEY": other, "MORE": "1"}})
    left = biot_provider(project, *arguments)
    assert left.code == 3
    assert "vitals_: timeout: 30 here, 31 on the platform" in left.stdout
    assert "vitals_: environmentVariables.API_KEY: another value here than on the platform" in left.stdout
    assert "vitals_: environmentVariables.MORE: put into the configuration" in left.stdout
    assert "timeout: 30\n" in (project.root / "fleet/vitals_/plugin.yaml").read_text()
    forced = biot_provider(project, *arguments, "--force").succeeded()
    assert other not in left.output + forced.output
    assert project.up("--refresh").succeeded().unchanged
    assert project.variables("vitals") == {"API_KEY": other, "NUMBER": "012", "MORE": "1"}
    project.destroy().succeeded()
    assert project.names() == set()


def test_the_commands_of_the_guide_and_its_program_with_a_file_of_variables(project: Project) -> None:
    by_hand(project, "vitals", environmentVariables={"MODE": "strict"})
    project.prepare_stack()
    (shell,) = re.findall(r"^```sh\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    (program,) = re.findall(r"^```python\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    for options, text in (("", 'biot.declare_plugins("plugins")'), ("--variables-file variables.json", program)):
        project.program(f"import json, pathlib\n{text}")
        shutil.rmtree(project.root / "plugins")
        commands = shell.replace("export ", f"export {options} ").replace("pulumi import", "pulumi import --yes")
        run = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            cwd=project.root,
            env=project.environment | {"PATH": f"{sys.prefix}/bin{os.pathsep}{project.environment['PATH']}"},
            capture_output=True,
            text=True,
        )
        assert run.returncode == 0, run.stdout + run.stderr
        assert "Resources:\n    2 unchanged\n" in run.stdout.rpartition("Previewing update")[2]
        project.pulumi("state", "unprotect", "--all", "--yes").succeeded()
        project.pulumi("state", "delete", "--yes", "--all").succeeded()
