"""`biot-provider doctor` on this machine: sources of the configuration, the engine, the project, the plugins."""

from __future__ import annotations

import json
import secrets
import sys
from typing import Any

import pytest

SECRET = secrets.token_hex(12)
CIPHER = {"secure": "v1:abcdef:ghijkl"}


def decipher(clinic: Any, **values: str) -> None:
    """Let the engine read these encrypted values."""
    answer = {f"biot:{key}": {"value": value, "secret": True} for key, value in values.items()}
    (clinic.bin / "config.json").write_text(json.dumps(answer))


def test_each_key_is_shown_with_its_source_and_without_its_value(clinic: Any, platform: Any, served: str) -> None:
    clinic.environment(BIOT_BASE_URL="http://wrong.invalid", BIOT_SERVICE_SECRET_KEY="wrong")
    clinic.stack({"biot:baseUrl": served, "biot:serviceSecretKey": CIPHER, "biot:requestTimeout": 60})
    decipher(clinic, serviceSecretKey=platform.service_secret_key)
    code, output = clinic.text("--stack", "dev")
    assert code == 0, output
    sources = output.splitlines()[0].partition(" ok ")[2].strip()
    assert sources.split(", biot:") == [
        "biot:baseUrl from stacks/Pulumi.dev.yaml",
        "serviceId from BIOT_SERVICE_ID",
        "serviceSecretKey from stacks/Pulumi.dev.yaml, encrypted",
        "requestTimeout from stacks/Pulumi.dev.yaml",
    ]
    assert platform.service_secret_key not in output


def configuration_problem(clinic: Any, *arguments: str) -> str:
    visit = clinic.visit(*arguments)
    check, text = visit.problem
    assert check == "configuration"
    assert visit.findings["address"] == ("not checked", "")
    assert SECRET not in text
    return str(text)


def test_what_is_not_set_is_named_with_the_command_that_sets_it(clinic: Any) -> None:
    text = configuration_problem(clinic)
    assert "pulumi config set biot:baseUrl" in text
    assert "BIOT_SERVICE_ID" in text


def test_a_secret_that_cannot_be_read_says_why(clinic: Any) -> None:
    clinic.stack({"biot:serviceSecretKey": CIPHER})
    text = configuration_problem(clinic, "--stack", "dev")
    assert "biot:serviceSecretKey in stacks/Pulumi.dev.yaml is encrypted" in text
    assert "error: incorrect passphrase" in text
    assert "PULUMI_CONFIG_PASSPHRASE" in text


@pytest.mark.parametrize("answer", ["", "[]", "{}", '{"biot:serviceSecretKey": {}}'])
def test_an_engine_that_tells_no_secret_is_one_line(clinic: Any, answer: str) -> None:
    clinic.stack({"biot:serviceSecretKey": CIPHER})
    (clinic.bin / "config.json").write_text(answer)
    assert "`pulumi config` does not tell biot:serviceSecretKey" in configuration_problem(clinic, "--stack", "dev")


def test_a_secret_without_an_engine_to_read_it_is_two_problems(clinic: Any) -> None:
    clinic.stack({"biot:serviceSecretKey": CIPHER})
    (clinic.bin / "pulumi").unlink()
    problems = clinic.visit("--stack", "dev").problems
    assert set(problems) == {"configuration", "engine"}
    assert "there is no pulumi to read it" in problems["configuration"]


def test_a_secret_in_plain_text_is_a_problem_and_not_shown(clinic: Any) -> None:
    clinic.stack({"biot:baseUrl": "embedded", "biot:serviceSecretKey": SECRET})
    text = configuration_problem(clinic, "--stack", "dev")
    assert "pulumi config set --secret biot:serviceSecretKey" in text


def test_a_key_that_does_not_exist_is_shown_with_the_nearest_one(clinic: Any) -> None:
    clinic.stack({"biot:baseURL": "embedded"})
    assert "did you mean 'baseUrl'?" in configuration_problem(clinic, "--stack", "dev")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "there is no stacks/Pulumi.dev.yaml"),
        ("config: [", "Pulumi.dev.yaml (line 1, column 10): is not YAML"),
        ("- config", "is not a map"),
        ("config: [1]", "config in stacks/Pulumi.dev.yaml is not a map"),
    ],
)
def test_a_stack_that_cannot_be_read_is_one_line(clinic: Any, text: str | None, said: str) -> None:
    file = clinic.file("stacks/Pulumi.dev.yaml", text or "")
    clinic.file("stacks/Pulumi.other.yaml")
    if text is None:
        file.unlink()
    assert said in configuration_problem(clinic, "--stack", "dev")


def test_an_engine_that_is_missing_or_not_whole_is_a_problem(clinic: Any) -> None:
    clinic.environment(BIOT_BASE_URL="embedded")
    (clinic.bin / "pulumi-language-python").unlink()
    check, text = clinic.visit().problem
    assert (check, "has no pulumi-language-python" in text) == ("engine", True)
    (clinic.bin / "pulumi").unlink()
    check, text = clinic.visit().problem
    assert (check, "there is no pulumi on PATH" in text) == ("engine", True)


def test_the_builder_that_works_is_named_and_without_one_each_ones_reason_is_a_note(clinic: Any) -> None:
    clinic.environment(BIOT_BASE_URL="embedded")
    assert clinic.visit().findings["images"] == ("ok", "buildah builds from a Dockerfile")
    clinic.command("buildah", "#!/bin/sh\necho no user namespace >&2\nexit 1\n")
    visit = clinic.visit()
    assert visit.problems == {}
    assert visit.texts("note") == {
        "images": "no builder, which only an image with a Dockerfile needs (docker-buildx: not installed;"
        " docker: not installed; podman: not installed; buildah: no user namespace)"
    }


def test_images_without_their_libraries_are_a_note_with_the_command_that_installs_them(
    clinic: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    clinic.environment(BIOT_BASE_URL="embedded")
    monkeypatch.setitem(sys.modules, "botocore", None)
    visit = clinic.visit()
    assert visit.problems == {}
    assert "pip install 'biot-provider[image]'" in visit.texts("note")["images"]


def test_an_engine_that_does_not_run_is_a_problem(clinic: Any) -> None:
    clinic.environment(BIOT_BASE_URL="embedded")
    clinic.command("pulumi", "#!/nowhere/sh\n")
    assert "`pulumi version` cannot be run" in clinic.visit().problems["engine"]
    clinic.command("pulumi", "#!/bin/sh\nexit 3\n")
    assert "`pulumi version` fails: it says nothing" in clinic.visit().problems["engine"]


def test_the_project_is_found_from_a_folder_below_it(clinic: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    clinic.stack({"biot:baseUrl": "embedded"})
    monkeypatch.chdir(clinic.folder / "plugins" / "hello")
    visit = clinic.visit("--stack", "dev")
    assert visit.problems == {}
    assert visit.findings["project"][1] == "shop: __main__.py, stacks dev"
    assert "hello" in visit.findings["plugins"][1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: shop\nruntime: nodejs\n", "set it to python"),
        ("name: shop\nruntime: python\nmain: src\n", "there is no program src"),
        ("name: shop\nruntime: {name: python, options: {virtualenv: venv}}\n", "no virtual environment 'venv'"),
        ("name: shop\nruntime: python\nstackConfigDir: empty\n", "pulumi stack init"),
        ("name: [", "is not YAML"),
        ("- name", "is not a map"),
    ],
)
def test_a_project_that_is_not_whole_is_one_line(clinic: Any, text: str, said: str) -> None:
    clinic.environment(BIOT_BASE_URL="embedded")
    clinic.file("Pulumi.yaml", text)
    check, found = clinic.visit().problem
    assert check == "project"
    assert said in found


def test_without_a_project_the_connection_is_still_checked(clinic: Any) -> None:
    clinic.environment(BIOT_BASE_URL="embedded")
    (clinic.folder / "Pulumi.yaml").unlink()
    visit = clinic.visit()
    assert visit.problem[0] == "project"
    assert visit.findings["identity"][0] == "ok"
    assert set(clinic.visit("--stack", "dev").problems) == {"configuration", "project"}


def test_declarations_are_read_with_what_differs_in_the_stack(clinic: Any) -> None:
    differs: dict[str, Any] = {"hello": {"memorySize": 512, "environmentVariables": {"KEY": CIPHER}}}
    clinic.stack({"biot:baseUrl": "embedded", "shop:plugins": differs})
    assert clinic.visit("--stack", "dev").problems == {}
    differs["hello"]["memorySize"] = 1
    differs["other"] = {}
    clinic.stack({"biot:baseUrl": "embedded", "shop:plugins": differs})
    check, text = clinic.visit("--stack", "dev").problem
    assert check == "plugins"
    assert f"no plugin 'other' in {clinic.folder}/plugins" in text
    assert "memorySize" in text


def test_a_folder_of_plugins_is_looked_at_where_it_is_said_to_be(clinic: Any) -> None:
    clinic.environment(BIOT_BASE_URL="embedded")
    clinic.file("elsewhere/broken/plugin.yaml", "displayName: [")
    assert "is not YAML" in clinic.visit("--plugins", "elsewhere").problems["plugins"]
    assert "program describes its plugins itself" in clinic.visit("--plugins", "nowhere").findings["plugins"][1]
    (clinic.folder / "empty").mkdir()
    assert f"there is no plugin in '{clinic.folder}/empty'" in clinic.visit("--plugins", "empty").problems["plugins"]


def test_each_place_that_is_written_to_is_named_and_left_as_it_was(clinic: Any) -> None:
    clinic.stack({"biot:baseUrl": "embedded"})
    before = sorted(clinic.folder.rglob("*"))
    state, text = clinic.visit("--stack", "acme/shop/dev").findings["writing"]
    assert state == "ok"
    assert text.endswith(", the embedded platform in .biot/dev")
    assert sorted(clinic.folder.rglob("*")) == before
    clinic.environment(BIOT_LOG="debug", BIOT_LOG_FILE="logs/of/today.log")
    assert clinic.visit("--stack", "dev").findings["writing"][1].endswith(", the debug log logs/of/today.log")


@pytest.mark.parametrize("folder", ["plugins/hello/plugin.yaml/data", "gone/data", "/proc/data"])
def test_an_embedded_folder_that_cannot_be_made_is_a_problem(clinic: Any, folder: str) -> None:
    (clinic.folder / "gone").symlink_to("nowhere")
    clinic.stack({"biot:baseUrl": f"embedded:{folder}"})
    text = clinic.visit("--stack", "dev").problems["writing"]
    assert f"cannot be written to '{folder}' (" in text
    assert "name another folder in biot:baseUrl" in text


def test_a_temporary_folder_that_takes_nothing_is_a_problem(clinic: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/proc")
    assert "set TMPDIR to a folder with room" in clinic.visit().problems["writing"]


@pytest.mark.parametrize("file", ["plugins", "plugins/hello/plugin.yaml/debug.log", "/proc/debug.log"])
def test_a_debug_log_that_cannot_be_written_is_a_note(clinic: Any, file: str) -> None:
    clinic.environment(BIOT_LOG="debug", BIOT_LOG_FILE=file)
    visit = clinic.visit()
    assert set(visit.problems) == {"configuration"}  # and no request is made that would be logged
    state, text = visit.findings["writing"]
    assert (state, text.startswith(f"the debug log {file!r} cannot be written (")) == ("note", True)
