"""Values of environment variables and keys are in no text that Pulumi or the provider writes."""

from __future__ import annotations

import dataclasses
import re
import secrets

import pytest

from .conftest import Project, Result

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
OF_OTHERS = """
read = biot.Plugin.get("read", "read")
biot.Plugin("adopted", adopt=True)
pulumi.export("read", read.environment_variables)
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
    sent = canaries.values[:]
    for name in ("read", "adopted"):
        by_hand = f"canary-{secrets.token_hex(8)}"
        config = {"name": name, "displayName": name, "version": 1, "environmentVariables": {"BY_HAND": by_hand}}
        project.platform.plugins.create(config, None, "http://x")
        canaries.values += [by_hand, project.shown(name)["environmentVariables"]["BIOT_SERVICE_USER_SECRET_KEY"]]
    program = PROGRAM.format(padding=1, timeout=3)
    project.program(program + OF_OTHERS)
    runs = [_without_the_engines_wire_dump(project.up(*LOUD))]
    variables = project.variables("hello")
    assert [variables["PLAIN"], variables["SECRET"]] == sent
    assert project.resources()["read"]["outputs"]["environment_variables"].keys() == {"BY_HAND"}

    canaries.renew()
    project.program(program)
    runs.append(project.pulumi("up", "--yes", "--diff", "-v=8", "--logtostderr", log=True))
    variables = project.variables("hello")
    assert [variables["PLAIN"], variables["SECRET"]] == canaries.values[-2:]

    drifted = {"PLAIN": f"canary-{secrets.token_hex(8)}", "BY_HAND": f"canary-{secrets.token_hex(8)}"}
    project.platform.plugins.update("Plugin-hello", {"environmentVariables": drifted}, None)
    canaries.values += drifted.values()
    runs += [project.preview("--refresh", "--diff"), project.refresh("--diff"), project.up("--diff")]
    runs += [project.pulumi("stack", "output"), project.pulumi("stack", "export"), project.destroy("--diff")]

    for run in runs:
        run.succeeded()
    assert "PLAIN" in runs[1].output  # which variable changes is told
    canaries.assert_unseen(*runs)


def test_variables_are_not_in_what_a_failed_check_prints(project: Project, canaries: Canaries) -> None:
    project.program(
        PROGRAM.format(padding=4096, timeout=0).replace('"PLAIN"', '"BIOT_PLAIN"').replace('"SECRET"', '"1SECRET"')
    )

    preview = project.preview("--diff", *LOUD)  # the SDK's own log has a traceback

    assert preview.code != 0
    for problem in (
        "environment_variables.BIOT_PLAIN: the prefix BIOT_ is reserved",
        "environment_variables.1SECRET: must be a letter",
        "environment_variables: must be at most",
        "timeout: must be 1 to 900",
    ):
        assert problem in preview.output
    canaries.assert_unseen(_without_the_engines_wire_dump(preview))
