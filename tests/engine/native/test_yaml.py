"""All kinds of resources in a YAML program, on the real engine."""

from __future__ import annotations

import secrets

import pytest

from biot_provider.emulator.http.server import running

from ..conftest import HANDLER
from .conftest import YamlProject

pytestmark = pytest.mark.needs_builders

ROLE = "0b8f6f4e-2a55-4c4c-9d83-7f0d5b0b7a11"
PYTHON_HANDLER = "def handler(event, context):\n    return {'statusCode': 200}\n"
PROGRAM = f"""
config:
  key: {{type: string, secret: true}}
resources:
  hello:
    type: biot:Plugin
    properties:
      code: plugins/hello
      timeout: 7
      memorySize: 256
      environmentVariables: {{MODE: strict, memory_size: "1", memorySize: "2", KEY: "${{key}}"}}
      subscriptions:
        interceptionOrder: 2
        interceptions: [{{type: PRE_REQUEST, apiId: POST/organization/v1/users/patients}}]
      cors: {{allowOrigins: ["https://portal.example.com"]}}
  image:
    type: biot:PluginImage
    properties: {{code: code, baseImage: "embedded/base/python:3.13", handler: index.handler}}
  wave:
    type: biot:Plugin
    properties: {{imageTag: "${{image.imageTag}}", displayName: "Wave ${{user.id}}"}}
    options: {{customTimeouts: {{create: 2m}}}}
  user:
    type: biot:ServiceUser
    properties: {{roleId: {ROLE}, type: EXTERNAL_SERVICE}}
  userKey:
    type: biot:ServiceUserKey
    properties: {{serviceUserId: "${{user.id}}", keepers: {{since: "2026"}}}}
  filtered:
    type: biot:InterceptionSubscription
    properties:
      type: PRE_REQUEST
      endpoint: https://hooks.example.com/pre
      apiId: POST/organization/v1/users/patients/templates/{{templateName}}
      pathFilters: {{templateName: nurse}}
  told:
    type: biot:NotificationSubscription
    properties: {{entityTypeName: patient, actionName: _create, endpoint: "https://hooks.example.com/told"}}
variables:
  shown:
    fn::invoke: {{function: biot:getPlugin, arguments: {{name: "${{hello.id}}"}}}}
  keys:
    fn::invoke: {{function: biot:getPublicKey}}
outputs:
  url: ${{hello.endpointUrl}}
  shownUrl: ${{shown.endpointUrl}}
  variables: ${{shown.environmentVariables}}
  publicKey: ${{keys.publicKey}}
"""


@pytest.fixture
def shop(yaml_project: YamlProject) -> tuple[YamlProject, str]:
    """A project with the code of its plugins, and a secret in its configuration."""
    yaml_project.file("plugins/hello/index.js")
    yaml_project.file("code/index.py", PYTHON_HANDLER)
    yaml_project.program(PROGRAM)
    key = secrets.token_hex(16)
    yaml_project.set_secret("key", key)
    return yaml_project, key


def test_a_program_of_every_kind_from_preview_to_destroy(shop: tuple[YamlProject, str]) -> None:
    project, key = shop
    preview = project.preview().succeeded()
    assert preview.changes == {"create": 8}
    up = project.up().succeeded()
    outputs = project.outputs()
    assert outputs["url"] == outputs["shownUrl"] == project.shown("hello")["endpointUrl"]
    assert outputs["variables"] == {"MODE": "strict", "memory_size": "1", "memorySize": "2", "KEY": key}
    assert project.variables("hello") == outputs["variables"]
    resources = project.resources()
    assert resources["wave"]["outputs"]["imageTag"] == resources["image"]["outputs"]["imageTag"]
    assert project.shown("wave")["displayName"] == f"Wave {resources['user']['id']}"
    again = project.preview().succeeded()
    assert again.unchanged
    assert "warning" not in preview.output + up.output + again.output

    # What the preview says is what happens.
    program = PROGRAM.replace("timeout: 7", "timeout: 9").replace("MODE: strict", "MODE: lax")
    program = program.replace("interceptionOrder: 2", "interceptionOrder: 3")
    project.program(program)
    project.file("code/index.py", PYTHON_HANDLER + "# new\n")
    diff = project.preview("--diff").succeeded()
    for line in ("~ timeout ", ": 7 => 9", "~ MODE: [secret] => [secret]", "~ interceptionOrder: 2 => 3", "~ imageTag"):
        assert line in diff.stdout, diff.stdout
    assert "memorySize" not in diff.stdout
    assert "lax" not in diff.stdout
    updated = project.up().succeeded()
    assert updated.steps.keys() == {"hello", "image", "wave"}
    assert project.shown("hello")["timeout"] == 9
    assert project.preview().succeeded().unchanged

    project.platform.plugins.update("Plugin-hello", {"timeout": 77}, None)
    refreshed = project.refresh().succeeded()
    assert "hello" in refreshed.steps
    assert ": 77 => 9" in project.preview("--diff").succeeded().stdout
    assert project.up().succeeded().steps == {"hello": ["update"]}
    assert project.shown("hello")["timeout"] == 9

    keys = {resource["outputs"]["secretKey"]["ciphertext"] for name, resource in resources.items() if "user" in name}
    assert len(keys) == 2  # encrypted by Pulumi
    destroyed = project.destroy().succeeded()
    assert project.names() == set()
    assert key not in project.stored_text() + up.output + diff.output + updated.output + destroyed.output


def test_options_mean_what_pulumi_says(yaml_project: YamlProject) -> None:
    project = yaml_project
    plugin = "resources: {{hello: {{type: biot:Plugin, properties: {{{0}}}, options: {{{1}}}}}}}"

    def up(properties: str, options: str) -> dict[str, list[str]]:
        project.program(plugin.format(properties, options))
        return project.up().succeeded().steps

    project.file("plugins/hello/index.js")
    up("code: plugins/hello, timeout: 7", "")
    first = project.shown("hello")["endpointUrl"]

    project.file("plugins/hello/index.js", HANDLER + "// new\n")
    steps = up("code: plugins/hello, timeout: 8", "ignoreChanges: [code]")
    assert steps == {"hello": ["update"]}
    assert (project.shown("hello")["timeout"], project.shown("hello")["version"]) == (8, 1)
    assert project.preview().succeeded().unchanged
    assert up("code: plugins/hello, timeout: 8", "") == {"hello": ["update"]}
    assert project.shown("hello")["version"] == 2

    # Created first, the new resource continues with the plugin, which has the name; deleted first, it is another one.
    steps = up("code: plugins/hello, timeout: 9", "replaceOnChanges: [timeout]")
    assert "replace" in steps["hello"]
    assert (project.shown("hello")["timeout"], project.shown("hello")["endpointUrl"]) == (9, first)
    steps = up("code: plugins/hello, timeout: 10", "replaceOnChanges: [timeout], deleteBeforeReplace: true")
    assert steps["hello"].index("delete-replaced") < steps["hello"].index("create-replacement")
    assert project.shown("hello")["timeout"] == 10
    assert project.shown("hello")["endpointUrl"] != first


def test_a_provider_of_its_own_leaves_no_credentials_in_state_and_keeps_to_times(
    yaml_project: YamlProject,
) -> None:
    project = yaml_project
    platform = project.platform
    identity = platform.add_service_user()
    program = """
resources:
  eu:
    type: pulumi:providers:biot
    properties: {baseUrl: "ADDRESS", serviceId: "ID", serviceSecretKey: "KEY"}
  hello: {type: biot:Plugin, properties: {timeout: 7}, options: {provider: "${eu}", customTimeouts: {update: 2s}}}
"""
    with running(project.platform_folder) as address:
        program = program.replace("ADDRESS", address).replace("ID", identity[0]).replace("KEY", identity[1])
        project.program(program)
        del project.config["biot:baseUrl"]
        up = project.up().succeeded()
        assert project.names() == {"hello"}
        assert project.preview().succeeded().unchanged
        assert project.refresh().succeeded().unchanged
        assert identity[1] not in project.stored_text() + up.output

        platform.faults.add(method="PATCH", path="/plugins", latency=30.0)
        project.program(program.replace("timeout: 7", "timeout: 8"))
        assert "no answer from" in "\n".join(project.up().failed("update plugin 'hello': ").errors)
        platform.faults.clear()
        project.destroy().succeeded()
    assert project.names() == set()


def test_bad_input_is_a_line_for_each_problem_in_the_schemas_names(yaml_project: YamlProject) -> None:
    canary = secrets.token_hex(12)
    yaml_project.program(f"""
resources:
  hello:
    type: biot:Plugin
    properties:
      memorySize: 1
      cronSchedule: soon
      cors: {{allowMethods: [FETCH]}}
      environmentVariables: {{BIOT_KEY: {canary}, memory_size: ""}}
      subscriptions: {{interceptions: [{{type: PRE_REQUEST, apiId: x}}]}}
""")
    failed = yaml_project.preview().failed()
    problems = [line for line in failed.errors if "has a problem: " in line]
    assert all(line.startswith("biot:index:Plugin resource 'hello' has a problem: ") for line in problems)
    paths = {line.partition("has a problem: ")[2].partition(": ")[0] for line in problems}
    assert paths == {
        "memorySize", "cronSchedule", "cors.allowMethods[0]", "environmentVariables.BIOT_KEY",
        "environmentVariables.memory_size", "subscriptions.interceptions[0].apiId",
    }  # fmt: skip
    assert canary not in failed.output
    assert yaml_project.names() == set()
