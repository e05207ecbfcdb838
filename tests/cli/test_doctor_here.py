"""`biot-provider doctor` on this machine: sources of the configuration, the engine, the project, the plugins."""

from __future__ import annotations

import json
import secrets
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .conftest import Doctor

SECRET = secrets.token_hex(12)
CIPHER = {"secure": "v1:abcdef:ghijkl"}


def decipher(doctor: Doctor, **values: str) -> None:
    """Let the engine read these encrypted values."""
    answer = {f"biot:{key}": {"value": value, "secret": True} for key, value in values.items()}
    (doctor.bin / "config.json").write_text(json.dumps(answer))


def test_each_key_is_shown_with_its_source_and_without_its_value(doctor: Doctor, platform: Any, served: str) -> None:
    doctor.environment(BIOT_BASE_URL="http://wrong.invalid", BIOT_SERVICE_SECRET_KEY="wrong")
    doctor.stack({"biot:baseUrl": served, "biot:serviceSecretKey": CIPHER, "biot:requestTimeout": 60})
    decipher(doctor, serviceSecretKey=platform.service_secret_key)
    code, output = doctor.text("--stack", "dev")
    assert code == 0, output
    sources = output.splitlines()[0].partition(" ok ")[2].strip()
    assert sources.split(", biot:") == [
        "biot:baseUrl from stacks/Pulumi.dev.yaml",
        "serviceId from BIOT_SERVICE_ID",
        "serviceSecretKey from stacks/Pulumi.dev.yaml, encrypted",
        "requestTimeout from stacks/Pulumi.dev.yaml",
    ]
    assert platform.service_secret_key not in output


def configuration_problem(doctor: Doctor, *arguments: str) -> str:
    found = doctor.run(*arguments)
    check, text = found.problem
    assert check == "configuration"
    assert found.findings["address"] == ("not checked", "")
    assert SECRET not in text
    return str(text)


def test_what_is_not_set_is_named_with_the_command_that_sets_it(doctor: Doctor) -> None:
    text = configuration_problem(doctor)
    assert "pulumi config set biot:baseUrl" in text
    assert "BIOT_SERVICE_ID" in text


def test_a_secret_that_cannot_be_read_says_why(doctor: Doctor) -> None:
    doctor.stack({"biot:serviceSecretKey": CIPHER})
    text = configuration_problem(doctor, "--stack", "dev")
    assert "biot:serviceSecretKey in stacks/Pulumi.dev.yaml is encrypted" in text
    assert "error: incorrect passphrase" in text
    assert "PULUMI_CONFIG_PASSPHRASE" in text


@pytest.mark.parametrize("answer", ["", "[]", "{}", '{"biot:serviceSecretKey": {}}'])
def test_an_engine_that_shows_no_secret_is_one_line(doctor: Doctor, answer: str) -> None:
    doctor.stack({"biot:serviceSecretKey": CIPHER})
    (doctor.bin / "config.json").write_text(answer)
    assert "`pulumi config` does not show biot:serviceSecretKey" in configuration_problem(doctor, "--stack", "dev")


def test_a_secret_without_an_engine_to_read_it_is_two_problems(doctor: Doctor) -> None:
    doctor.stack({"biot:serviceSecretKey": CIPHER})
    (doctor.bin / "pulumi").unlink()
    problems = doctor.run("--stack", "dev").problems
    assert set(problems) == {"configuration", "engine"}
    assert "there is no pulumi to read it" in problems["configuration"]


def test_a_secret_in_plain_text_is_a_problem_and_not_shown(doctor: Doctor) -> None:
    doctor.stack({"biot:baseUrl": "embedded", "biot:serviceSecretKey": SECRET})
    text = configuration_problem(doctor, "--stack", "dev")
    assert "pulumi config set --secret biot:serviceSecretKey" in text


def test_a_key_that_does_not_exist_is_shown_with_the_nearest_one(doctor: Doctor) -> None:
    doctor.stack({"biot:baseURL": "embedded"})
    assert "did you mean 'baseUrl'?" in configuration_problem(doctor, "--stack", "dev")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "there is no stacks/Pulumi.dev.yaml"),
        ("config: [", "Pulumi.dev.yaml (line 1, column 10): is not YAML"),
        ("- config", "is not a map"),
        ("config: [1]", "config in stacks/Pulumi.dev.yaml is not a map"),
    ],
)
def test_a_stack_that_cannot_be_read_is_one_line(doctor: Doctor, text: str | None, said: str) -> None:
    file = doctor.file("stacks/Pulumi.dev.yaml", text or "")
    doctor.file("stacks/Pulumi.other.yaml")
    if text is None:
        file.unlink()
    assert said in configuration_problem(doctor, "--stack", "dev")


def test_an_engine_that_is_missing_or_not_whole_is_a_problem(doctor: Doctor) -> None:
    doctor.environment(BIOT_BASE_URL="embedded")
    (doctor.bin / "pulumi-language-python").unlink()
    check, text = doctor.run().problem
    assert (check, "has no pulumi-language-python" in text) == ("engine", True)
    (doctor.bin / "pulumi").unlink()
    check, text = doctor.run().problem
    assert (check, "there is no pulumi on PATH" in text) == ("engine", True)


def test_the_builder_that_works_is_named_and_without_one_each_ones_reason_is_a_note(doctor: Doctor) -> None:
    doctor.environment(BIOT_BASE_URL="embedded")
    assert doctor.run().findings["images"] == ("ok", "buildah builds from a Dockerfile")
    doctor.command("buildah", "#!/bin/sh\necho no user namespace >&2\nexit 1\n")
    found = doctor.run()
    assert found.problems == {}
    assert found.texts("note") == {
        "images": "no builder, which only an image with a Dockerfile needs (docker-buildx: not installed;"
        " docker: not installed; podman: not installed; buildah: no user namespace)"
    }


def test_images_without_their_libraries_are_a_note_with_the_command_that_installs_them(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    doctor.environment(BIOT_BASE_URL="embedded")
    monkeypatch.setitem(sys.modules, "botocore", None)
    found = doctor.run()
    assert found.problems == {}
    assert "pip install 'biot-provider[image]'" in found.texts("note")["images"]


def test_an_engine_that_does_not_run_is_a_problem(doctor: Doctor) -> None:
    doctor.environment(BIOT_BASE_URL="embedded")
    doctor.command("pulumi", "#!/nowhere/sh\n")
    assert "`pulumi version` cannot be run" in doctor.run().problems["engine"]
    doctor.command("pulumi", "#!/bin/sh\nexit 3\n")
    assert "`pulumi version` fails: run it by hand to see why" in doctor.run().problems["engine"]


def test_the_project_is_found_from_a_folder_below_it(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    doctor.stack({"biot:baseUrl": "embedded"})
    monkeypatch.chdir(doctor.folder / "plugins" / "hello")
    found = doctor.run("--stack", "dev")
    assert found.problems == {}
    assert found.findings["project"][1] == "shop: __main__.py, stacks dev"
    assert "hello" in found.findings["plugins"][1]


@pytest.mark.parametrize("ending", ["json", "yml"])
def test_a_project_and_its_stacks_are_found_under_every_ending_that_pulumi_takes(doctor: Doctor, ending: str) -> None:
    (doctor.folder / "Pulumi.yaml").unlink()
    config = {"biot:baseUrl": "embedded"}
    doctor.file(f"Pulumi.{ending}", json.dumps({"name": "shop", "runtime": "python", "config": config}))
    doctor.file(f"Pulumi.dev.{ending}", "{}")
    found = doctor.run("--stack", "dev")
    assert found.problems == {}
    assert f"biot:baseUrl from Pulumi.{ending}" in found.findings["configuration"][1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: shop\n", "has no runtime: set it to python"),
        ("name: shop\nruntime: python\nmain: src\n", "there is no program src"),
        ("name: shop\nruntime: {name: python, options: {virtualenv: venv}}\n", "no virtual environment 'venv'"),
        ("name: shop\nruntime: python\nstackConfigDir: empty\n", "pulumi stack init"),
        ("name: [", "is not YAML"),
        ("- name", "is not a map"),
    ],
)
def test_a_project_that_is_not_whole_is_one_line(doctor: Doctor, text: str, said: str) -> None:
    doctor.environment(BIOT_BASE_URL="embedded")
    doctor.file("Pulumi.yaml", text)
    check, found = doctor.run().problem
    assert check == "project"
    assert said in found


@pytest.mark.parametrize("runtime", ["yaml", "{name: nodejs}"])
def test_a_program_in_another_language_is_no_problem_and_needs_no_python_host(doctor: Doctor, runtime: str) -> None:
    doctor.environment(BIOT_BASE_URL="embedded")
    doctor.file("Pulumi.yaml", f"name: shop\nruntime: {runtime}\n")
    (doctor.bin / "pulumi-language-python").unlink()
    found = doctor.run()
    assert found.problems == {}
    assert "only a Python program is checked" in found.texts("note")["project"]
    assert found.texts("ok")["engine"] == "pulumi v3.259.0"


def test_without_a_project_the_connection_is_still_checked(doctor: Doctor) -> None:
    doctor.environment(BIOT_BASE_URL="embedded")
    (doctor.folder / "Pulumi.yaml").unlink()
    found = doctor.run()
    assert found.problem[0] == "project"
    assert found.findings["identity"][0] == "ok"
    assert found.findings["plugins"] == ("not checked", "")
    assert set(doctor.run("--stack", "dev").problems) == {"configuration", "project"}


def test_declarations_are_read_with_what_differs_in_the_stack(doctor: Doctor) -> None:
    differs: dict[str, Any] = {"hello": {"memorySize": 512, "environmentVariables": {"KEY": CIPHER}}}
    doctor.stack({"biot:baseUrl": "embedded", "shop:plugins": differs})
    assert doctor.run("--stack", "dev").problems == {}
    differs["hello"]["memorySize"] = 1
    differs["other"] = {}
    doctor.stack({"biot:baseUrl": "embedded", "shop:plugins": differs})
    check, text = doctor.run("--stack", "dev").problem
    assert check == "plugins"
    assert f"no plugin 'other' in {doctor.folder}/plugins" in text
    assert "memorySize" in text


def test_a_folder_of_plugins_is_looked_at_where_it_is_said_to_be(doctor: Doctor) -> None:
    doctor.environment(BIOT_BASE_URL="embedded")
    doctor.file("elsewhere/broken/plugin.yaml", "displayName: [")
    assert "is not YAML" in doctor.run("--plugins", "elsewhere").problems["plugins"]
    assert "program describes its plugins itself" in doctor.run("--plugins", "nowhere").findings["plugins"][1]
    (doctor.folder / "empty").mkdir()
    assert f"there is no plugin in '{doctor.folder}/empty'" in doctor.run("--plugins", "empty").problems["plugins"]


def test_code_of_a_program_that_declares_its_plugins_one_by_one_needs_no_description(doctor: Doctor) -> None:
    doctor.environment(BIOT_BASE_URL="embedded")
    (doctor.folder / "plugins/hello/plugin.yaml").rename(doctor.folder / "plugins/hello/index.py")
    doctor.file("__main__.py", 'biot.Plugin("hello", code="plugins/hello")\n')
    assert "program describes its plugins itself" in doctor.run().findings["plugins"][1]
    doctor.file("__main__.py", "biot.declare_plugins()\n")
    assert "there is no plugin in" in doctor.run().problems["plugins"]


def test_each_place_that_is_written_to_is_named_and_left_as_it_was(doctor: Doctor) -> None:
    doctor.stack({"biot:baseUrl": "embedded"})
    before = sorted(doctor.folder.rglob("*"))
    state, text = doctor.run("--stack", "acme/shop/dev").findings["writing"]
    assert state == "ok"
    assert text.endswith(", the embedded platform in .biot/dev")
    assert sorted(doctor.folder.rglob("*")) == before
    doctor.environment(BIOT_LOG="debug", BIOT_LOG_FILE="logs/of/today.log")
    assert doctor.run("--stack", "dev").findings["writing"][1].endswith(", the debug log logs/of/today.log")


@pytest.mark.parametrize("folder", ["plugins/hello/plugin.yaml/data", "gone/data", "/proc/data"])
def test_an_embedded_folder_that_cannot_be_made_is_a_problem(doctor: Doctor, folder: str) -> None:
    (doctor.folder / "gone").symlink_to("nowhere")
    doctor.stack({"biot:baseUrl": f"embedded:{folder}"})
    text = doctor.run("--stack", "dev").problems["writing"]
    assert f"cannot be written to '{folder}' (" in text
    assert "name another folder in biot:baseUrl" in text


def test_a_temporary_folder_that_takes_nothing_is_a_problem(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/proc")
    assert "set TMPDIR to a folder with room" in doctor.run().problems["writing"]


@pytest.mark.parametrize("file", ["plugins", "plugins/hello/plugin.yaml/debug.log", "/proc/debug.log"])
def test_a_debug_log_that_cannot_be_written_is_a_note(doctor: Doctor, file: str) -> None:
    doctor.environment(BIOT_LOG="debug", BIOT_LOG_FILE=file)
    found = doctor.run()
    assert set(found.problems) == {"configuration"}  # and no request is made that would be logged
    state, text = found.findings["writing"]
    assert (state, text.startswith(f"the debug log {file!r} cannot be written (")) == ("note", True)


def test_what_installs_dependencies_is_named(doctor: Doctor) -> None:
    assert doctor.run().findings["builds"] == ("ok", "uv installs for Python, npm for Node.js")


def test_a_missing_installer_is_a_note_with_the_command(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    note = doctor.run().texts("note")["builds"]
    assert "neither uv nor pip: `pip install 'biot-provider[build]'`" in note
    assert "neither npm nor pnpm: install Node.js" in note


def test_an_identity_of_the_stack_alone_counts_first_and_pulumi_is_said_to_read_another(
    doctor: Doctor, platform: Any, served: str
) -> None:
    doctor.stack({"biot:baseUrl": served})
    wrong = secrets.token_hex(20)
    doctor.environment(BIOT_SERVICE_ID_DEV=platform.service_id, BIOT_SERVICE_SECRET_KEY_DEV=wrong)
    code, output = doctor.text("--stack", "acme/shop/dev")
    assert code == 1
    assert "biot:serviceSecretKey from BIOT_SERVICE_SECRET_KEY_DEV, which `pulumi` does not read" in output
    assert "LOGIN_FAILED" in output
    assert wrong not in output

    doctor.environment(BIOT_SERVICE_SECRET_KEY_DEV=platform.service_secret_key, BIOT_SERVICE_SECRET_KEY=wrong)
    assert doctor.run("--stack", "dev").problems == {}
