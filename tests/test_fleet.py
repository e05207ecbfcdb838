"""From plugin.yaml and a stack's overrides to declared plugins; every mistake of every file at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from biot_provider.errors import InputError
from biot_provider.fleet import read_fleet

VECTORS = json.loads((Path(__file__).parent / "vectors" / "plugins.json").read_text())


class Folder:
    """A folder of plugins being written."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def plugin(self, name: str, manifest: str = "", *, code: bool = True) -> None:
        folder = self.path / name
        folder.mkdir(parents=True)
        (folder / "plugin.yaml").write_text(manifest)
        if code:
            (folder / "index.js").write_text("exports.handler = async () => ({ statusCode: 200 })\n")

    def read(self, overrides: Any = None) -> dict[str, dict[str, Any]]:
        return read_fleet(self.path, overrides or {})

    def problems(self, overrides: Any = None) -> list[str]:
        with pytest.raises(InputError) as raised:
            self.read(overrides)
        return str(raised.value).replace(f"{self.path}/", "").splitlines()


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    path = tmp_path / "plugins"
    path.mkdir()
    return Folder(path)


def test_an_empty_manifest_is_a_plugin_of_its_folders_name_and_code(folder: Folder) -> None:
    folder.plugin("guard")
    assert folder.read() == {"guard": {"name": "guard", "code": str(folder.path / "guard")}}


def test_a_manifest_without_code_beside_it_declares_the_platforms_own_code(folder: Folder) -> None:
    folder.plugin("guard", "runtime: nodejs22.x", code=False)
    (folder.path / "guard" / ".gitignore").write_text("*")
    assert folder.read() == {"guard": {"name": "guard", "runtime": "nodejs22.x"}}


def test_code_may_be_elsewhere_relative_to_the_manifest(folder: Folder) -> None:
    folder.plugin("guard", "code: build", code=False)
    assert folder.read()["guard"]["code"] == str(folder.path / "guard" / "build")


def test_an_image_takes_no_code_of_the_folder(folder: Folder) -> None:
    folder.plugin("wave", "imageTag: wave-1")
    assert folder.read()["wave"] == {"name": "wave", "image_tag": "wave-1"}


def test_the_documentations_json_is_valid_as_it_is(folder: Folder) -> None:
    config = dict(VECTORS["creations"]["A2 zip, everything set"])
    folder.plugin(config.pop("name"), json.dumps(config))
    read = folder.read()["vitals-guard"]
    assert read["display_name"] == "Vitals Guard"
    assert read["subscriptions"]["interceptions"][0]["api_id"] == "POST/organization/v1/users/patients"
    assert read["environment_variables"] == {"THRESHOLD": "90", "MODE": "strict"}
    assert read["cors"]["allow_origins"] == ["https://portal.acme.example"]
    assert "deployment_package_type" not in read


def test_numbers_as_text_are_taken_and_whole_numbers_of_variables_become_text(folder: Folder) -> None:
    folder.plugin("guard", 'timeout: "30"\nmemorySize: "256"\nenvironmentVariables: {PORT: 8080, camelCase: kept}')
    read = folder.read()["guard"]
    assert (read["timeout"], read["environment_variables"]) == ("30", {"PORT": "8080", "camelCase": "kept"})


def test_overrides_merge_maps_replace_lists_and_values_and_take_away_with_null(folder: Folder) -> None:
    folder.plugin(
        "guard",
        """
        timeout: 30
        cronSchedule: 0 8 ? * MON *
        environmentVariables: {MODE: strict, LEVEL: info}
        cors: {allowOrigins: ["https://a.example"], allowMethods: [GET]}
        """,
    )
    read = folder.read(
        {
            "guard": {
                "memorySize": 512,
                "cronSchedule": None,
                "environmentVariables": {"MODE": "lax", "LEVEL": None},
                "cors": {"allowOrigins": ["https://b.example"]},
            }
        }
    )["guard"]
    assert (read["timeout"], read["memory_size"]) == (30, 512)
    assert "cron_schedule" not in read
    assert read["environment_variables"] == {"MODE": "lax"}
    assert read["cors"] == {"allow_origins": ["https://b.example"], "allow_methods": ["GET"]}


@pytest.mark.parametrize(("value", "state"), [("true", "ENABLED"), ("false", "DISABLED")])
def test_enabled_is_short_for_the_state(folder: Folder, value: str, state: str) -> None:
    folder.plugin("guard", f"enabled: {value}")
    assert folder.read()["guard"]["enabled_state"] == state
    assert folder.read({"guard": {"enabled": False}})["guard"]["enabled_state"] == "DISABLED"


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        ("memroySize: 5", "guard/plugin.yaml: memroySize: unknown key; did you mean 'memorySize'?"),
        ("memory_size: 256", "guard/plugin.yaml: memory_size: unknown key; did you mean 'memorySize'?"),
        ("codeDigest: x", "guard/plugin.yaml: codeDigest: unknown key"),
        ("timeout: 0", "guard/plugin.yaml: timeout: must be 1 to 900 (seconds), not 0"),
        ("memorySize: 5", "guard/plugin.yaml: memorySize: must be 128 to 10240 (MB), not 5"),
        ("enabled: perhaps", "guard/plugin.yaml: enabled: must be true or false, not 'perhaps'"),
        ("deploymentPackageType: TAR", "deploymentPackageType: must be ZIP or IMAGE, not 'TAR'"),
        ("deploymentPackageType: IMAGE", "deploymentPackageType: IMAGE needs an imageTag"),
        ("deploymentPackageType: ZIP\nimageTag: a", "deploymentPackageType: ZIP does not go with imageTag"),
        ("imageTag: a\nruntime: x", "runtime: does not go with image_tag"),
        ("environmentVariables: {BIOT_X: a1}", "environmentVariables.BIOT_X: the prefix BIOT_ is reserved by BioT"),
        ("environmentVariables: {my_key: 1.5}", "environmentVariables.my_key: must be a string, not float"),
        ("subscriptions: {interceptions: [{type: PRE_REQUEST}]}", "subscriptions.interceptions[0].apiId: is required"),
        ("subscriptions: {notification: []}", "subscriptions.notification: unknown argument; did you mean"),
        ("cronSchedule: 0 29 ? * MON *", "cronSchedule: hours must be 0 to 23, not 29"),
        ("- a list", "guard/plugin.yaml: must be a map such as 'displayName: My plugin'"),
        ("a: [", "guard/plugin.yaml (line 1, column 5): is not YAML"),
        ("a: 1\na: [}", "guard/plugin.yaml (line 2, column 5): is not YAML"),
    ],
)
def test_a_mistake_is_told_with_its_file_and_in_its_words(folder: Folder, manifest: str, words: str) -> None:
    folder.plugin("guard", manifest)
    said = folder.problems()
    assert any(words in line for line in said), said
    assert len(said) == 1


def test_every_mistake_of_every_file_and_of_the_stack_is_told_at_once(folder: Folder) -> None:
    folder.plugin("first", "timout: 3\nmemorySize: 1")
    folder.plugin("second", "a: [")
    folder.plugin("third")
    said = folder.problems({"thrid": {}, "third": {"handlr": "x"}})
    assert [line.partition(": ")[0] for line in said] == [
        "stack configuration 'plugins'",
        "first/plugin.yaml",
        "first/plugin.yaml",
        "second/plugin.yaml (line 1, column 5)",
        "stack configuration 'plugins.third'",
    ]
    assert "did you mean 'third'?" in said[0]
    assert "did you mean 'handler'?" in said[4]


def test_no_value_of_a_variable_is_quoted(folder: Folder) -> None:
    folder.plugin("guard", "environmentVariables: {TOKEN: [canary], BIOT_X: canary}")
    assert "canary" not in "".join(folder.problems())


def test_a_folder_that_is_not_there_is_told_with_what_to_create(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the folder .* does not exist: create .*/<name>/plugin.yaml"):
        read_fleet(tmp_path / "nowhere", {})


@pytest.mark.parametrize("overrides", [["guard"], "guard", 5])
def test_overrides_that_are_no_map_are_told(folder: Folder, overrides: Any) -> None:
    with pytest.raises(InputError, match="stack configuration 'plugins': must be a map of plugin names"):
        read_fleet(folder.path, overrides)


def test_a_file_that_is_no_text_is_told(folder: Folder) -> None:
    folder.plugin("guard")
    (folder.path / "guard" / "plugin.yaml").write_bytes(b"\xff\xfe\x00")
    assert "cannot be read" in folder.problems()[0]


def test_a_folder_without_a_manifest_is_no_plugin(folder: Folder) -> None:
    (folder.path / "notes").mkdir()
    folder.plugin("guard")
    assert list(folder.read()) == ["guard"]
