"""Values of environment variables and keys are in no text that Pulumi or the provider writes."""

from __future__ import annotations

import dataclasses
import re
import secrets
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Project, Result

LOUD = ("-v=9", "--logtostderr")
WIRE_DUMP = re.compile(r'"msg":"(Unm|M)arshaling property for RPC')
"""At its highest level the engine itself logs each property on its way, of any provider, secret or not."""

PROGRAM = """
config = pulumi.Config("shop")
plugin = biot.Plugin(
    "hello",
    environment_variables={{
        "PLAIN": os.environ["PLAIN_CANARY"], "SECRET": config.require_secret("canary"), "REST": "x" * {padding},
    }},
    timeout={timeout},
)
pulumi.export("variables", plugin.environment_variables)
"""


class Canaries:
    """Two values made for one test, one plain in the program and one secret in the configuration."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.values: list[str] = []
        self.renew()

    def renew(self) -> None:
        plain, secret = f"canary-{secrets.token_hex(8)}", f"canary-{secrets.token_hex(8)}"
        self.values += [plain, secret]
        self.project.environment["PLAIN_CANARY"] = plain
        self.project.pulumi("stack", "ls").succeeded()
        self.project.set_secret("shop:canary", secret)

    def assert_unseen(self, *results: Result) -> None:
        """No canary so far is in what these runs wrote, nor in what the backend keeps."""
        for result in results:
            for canary in self.values:
                # Not the text itself in the assertion: a failure would print it.
                where = [name for name in ("stdout", "stderr", "event_log") if canary in getattr(result, name)]
                assert where == []
        kept = self.project.stored_text()
        assert [number for number, canary in enumerate(self.values) if canary in kept] == []


def _without_the_engines_wire_dump(result: Result) -> Result:
    kept = [line for line in result.stderr.splitlines() if not WIRE_DUMP.search(line)]
    assert len(kept) > 100  # the rest of the log, which is to be looked at
    return dataclasses.replace(result, stderr="\n".join(kept))


@pytest.fixture
def canaries(project: Project) -> Canaries:
    return Canaries(project)


def test_variables_reach_the_platform_and_nothing_else_in_a_whole_life(project: Project, canaries: Canaries) -> None:
    project.program(PROGRAM.format(padding=1, timeout=3))
    runs = [project.preview("--diff", "-v=8", "--logtostderr"), _without_the_engines_wire_dump(project.up(*LOUD))]
    sent = project.variables("hello")
    assert [sent["PLAIN"], sent["SECRET"]] == canaries.values
    canaries.renew()
    runs += [project.preview("--diff"), project.up("--diff"), project.refresh("--diff")]
    sent = project.variables("hello")
    assert [sent["PLAIN"], sent["SECRET"]] == canaries.values[2:]
    drifted = {"PLAIN": f"canary-{secrets.token_hex(8)}", "BY_HAND": f"canary-{secrets.token_hex(8)}"}
    project.platform.plugins.update("Plugin-hello", {"environmentVariables": drifted}, None)
    canaries.values += drifted.values()
    runs += [project.preview("--refresh", "--diff"), project.refresh("--diff"), project.up("--diff")]
    runs += [project.pulumi("stack", "output"), project.pulumi("stack", "export"), project.destroy("--diff")]

    for run in runs:
        run.succeeded()
    assert "PLAIN" in runs[2].output  # which variable changes is told
    canaries.assert_unseen(*runs)


def test_variables_of_plugins_that_are_read_or_adopted_are_kept_encrypted_too(
    project: Project, canaries: Canaries
) -> None:
    for name, value in zip(("read", "adopted"), tuple(canaries.values), strict=True):
        config = {"name": name, "displayName": name, "version": 1, "environmentVariables": {"BY_HAND": value}}
        project.platform.plugins.create(config, None, "http://x")
        canaries.values.append(project.shown(name)["environmentVariables"]["BIOT_SERVICE_USER_SECRET_KEY"])
    project.program(
        'read = biot.Plugin.get("read", "read")\n'
        'biot.Plugin("adopted", adopt=True)\n'
        'pulumi.export("read", read.environment_variables)'
    )

    up = project.up().succeeded()

    assert project.resources().keys() == {"read", "adopted"}
    assert project.resources()["read"]["outputs"]["environment_variables"].keys() == {"BY_HAND"}
    canaries.assert_unseen(up, project.refresh("--diff").succeeded(), project.pulumi("stack", "export"))


def test_variables_are_not_in_what_a_failed_check_prints(project: Project, canaries: Canaries) -> None:
    project.program(
        PROGRAM.format(padding=4096, timeout=0).replace('"PLAIN"', '"BIOT_PLAIN"').replace('"SECRET"', '"1SECRET"')
    )

    preview = project.preview("--diff", *LOUD)
    preview.failed(
        "environment_variables.BIOT_PLAIN: the prefix BIOT_ is reserved",
        "environment_variables.1SECRET: must be a letter",
        "environment_variables: must be at most",
        "timeout: must be 1 to 900",
    )

    canaries.assert_unseen(_without_the_engines_wire_dump(preview))


@pytest.mark.parametrize(
    "variables",
    [
        '[os.environ["PLAIN_CANARY"]]',
        'os.environ["PLAIN_CANARY"]',
        '{"KEY": [os.environ["PLAIN_CANARY"]]}',
        '{"KEY": {"deep": os.environ["PLAIN_CANARY"]}}',
        '{os.environ["PLAIN_CANARY"] + "-": "value"}',
    ],
    ids=["list", "string", "list-inside", "map-inside", "key"],
)
def test_variables_of_a_wrong_shape_are_refused_without_being_shown(
    project: Project, canaries: Canaries, variables: str
) -> None:
    project.program(f'biot.Plugin("hello", environment_variables={variables})')

    preview = project.preview().failed()

    assert "environment_variables" in preview.output
    if "-" not in variables:  # the name of a variable is no secret
        canaries.assert_unseen(preview)


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (
            {"status": 400, "json": {"code": "BAD", "message": "no {0}", "traceId": "t", "details": {"given": "{1}"}}},
            "the platform answered 400 BAD: no [secret] (given [secret]) (trace id t)",
        ),
        ({"status": 400, "body": "<html>{0} and {1}</html>"}, "<html>[secret] and [secret]</html>"),
        ({"status": 200, "body": '{{"name": "{0}", "version": "{1}"'}, "200 with something that is not its answer"),
    ],
    ids=["error-body", "html", "rubbish"],
)
def test_variables_that_the_platform_quotes_are_struck_out(
    project: Project, canaries: Canaries, fault: dict[str, Any], told: str, method: str
) -> None:
    project.config["biot:requestTimeout"] = "1"
    project.program(PROGRAM.format(padding=1, timeout=3))
    if method == "PATCH":
        project.up().succeeded()
        canaries.renew()

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: filled(item) for key, item in value.items()}
        return value.format(*canaries.values[-2:]) if isinstance(value, str) else value

    project.platform.faults.add(method=method, path="/settings/", times=None, **filled(fault))

    up = project.up().failed()

    assert told in up.error
    canaries.assert_unseen(up)
