"""Values of variables, keys and secret arguments are in no text that Pulumi or the provider writes, and in no state.

The names of plugins and images are their ids, which Pulumi itself keeps and shows in plain text. Those of subscriptions
are made of an endpoint and of filters, without what is secret there.
"""

from __future__ import annotations

import dataclasses
import re
import secrets

import pytest

from biot_provider.api.client import Client

from ..conftest import Project, Result

LOUD = ("-v=9", "--logtostderr")
WIRE_DUMP = re.compile(r'"msg":"(Unm|M)arshaling property for RPC')
"""At its highest level the engine itself logs each property on its way, of any provider, secret or not."""

PRELUDE = """
def secret(value):
    return pulumi.Output.secret(value)

def canary(name):
    return os.environ["CANARY_" + name.upper()]

configured = pulumi.Config("shop").require_secret("canary")
"""

PROGRAM = """
biot.PluginImage("layered", code=secret(canary("image_code")), base_image="embedded/base/python:3.13",
    handler=secret("app." + canary("image_handler")))
plugin = biot.Plugin(
    "hello",
    display_name=secret(canary("display_name")),
    code=secret(canary("code")),
    runtime="python3.13",
    handler=secret("app." + canary("handler")),
    environment_variables={
        "PLAIN": canary("plain_variable"), "SECRET": secret(canary("variable")), "CONFIGURED": configured,
    },
    subscriptions={"notifications": [
        {"entity_type_name": "patient", "action_name": "_create", "template_name": secret(canary("template"))},
    ]},
    cors={"allow_origins": [secret("https://" + canary("origin") + ".example")]},
)
user = biot.ServiceUser("user", role_id="9f0a4c1b-7c3e-4b3f-9a51-0a2b1c3d4e5f", type="INTERNAL_SERVICE",
    name=secret(canary("user")))
key = biot.ServiceUserKey("key", service_user_id=user.id, keepers={"on": secret(canary("keeper"))})
told = biot.NotificationSubscription("told", entity_type_name="patient", action_name="_create",
    endpoint=pulumi.Output.concat("https://hooks.acme.example/biot?code=", secret(canary("query"))))
biot.InterceptionSubscription("before", type="PRE_REQUEST", entity_name="patient", api_id=os.environ["API"],
    endpoint=pulumi.Output.concat("https://hooks.acme.example/2?code=", secret(canary("query"))),
    path_filters={"templateName": secret(canary("filter"))})
pulumi.export("told", told.id)
pulumi.export("key", key.secret_key)
pulumi.export("user_key", user.secret_key)
pulumi.export("name", plugin.display_name)
pulumi.export("variables", plugin.environment_variables)
"""
NAMES = (
    *("image_code", "image_handler", "display_name", "code", "handler"),
    *("plain_variable", "variable", "template", "origin", "user", "keeper", "query", "filter"),
)
API = "POST/organization/v1/users/patients/templates/{templateName}"
OF_OTHERS = """
read = biot.Plugin.get("read", "read")
biot.Plugin("adopted", adopt=True)
pulumi.export("read", read.environment_variables)
"""

WRONG = """
variables = {"BIOT_PLAIN": canary("plain_variable"), "1SECRET": configured, "REST": "x" * 4096}
arguments = {name: secret(canary(name)) for name in os.environ["NAMES"].split()}
biot.Plugin("plugin", environment_variables=variables, **arguments)
"""
WRONG_NAMES = (
    *("display_name", "version", "image_tag", "runtime", "handler", "timeout", "memory_size", "ephemeral_storage"),
    *("subscriptions", "enabled_state", "cron_schedule", "analytics_db_access", "cors"),
)


class Canaries:
    """Values made at random for one test, in the program's environment by their names; one is in the configuration."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.made: dict[str, list[str]] = {}
        project.set_secret("shop:canary", self.make("configured"))

    def make(self, name: str) -> str:
        value = f"canary{secrets.token_hex(10)}"
        self.made.setdefault(name, []).append(value)
        return value

    def renew(self, *names: str) -> None:
        for name in names:
            self.project.environment[f"CANARY_{name.upper()}"] = self.make(name)

    def value(self, name: str) -> str:
        return self.made[name][-1]

    def assert_unseen(self, *results: Result) -> None:
        """No piece of one is in what these runs wrote, nor in what the backend keeps."""
        texts = {f"{place} of run {number}": getattr(result, place) for number, result in enumerate(results)
                 for place in ("stdout", "stderr", "event_log")}  # fmt: skip
        texts["the backend"] = self.project.stored_text()
        # A piece is of letters and digits alone, so it is in a long word of a text if it is in the text.
        words = {where: " ".join(set(re.findall(r"[a-z0-9]{12,}", text.lower()))) for where, text in texts.items()}
        # Not the text itself in the assertion: a failure would print it.
        seen = {
            (name, where)
            for name, values in self.made.items()
            for value in values
            for where, text in words.items()
            if any(value[at : at + 12] in text for at in range(len(value) - 11))
        }
        assert seen == set()


def _without_the_engines_wire_dump(result: Result) -> Result:
    kept = [line for line in result.stderr.splitlines() if not WIRE_DUMP.search(line)]
    assert len(kept) > 100  # the rest of the log, which is to be looked at
    return dataclasses.replace(result, stderr="\n".join(kept))


@pytest.fixture
def canaries(project: Project) -> Canaries:
    return Canaries(project)


def renew(project: Project, canaries: Canaries) -> None:
    """New values for everything the program names, and the files that it names."""
    canaries.renew(*NAMES)
    for folder, handler in (("code", "handler"), ("image_code", "image_handler")):
        code = f"def {canaries.value(handler)}(event, context): ...\n"
        project.file(f"{canaries.value(folder)}/app.py", code)


def assert_variables_arrived(project: Project, canaries: Canaries) -> None:
    names = {"PLAIN": "plain_variable", "SECRET": "variable", "CONFIGURED": "configured"}
    wrong = [name for name, value in project.variables("hello").items() if value != canaries.value(names[name])]
    assert wrong == []


def test_no_secret_is_shown_in_a_whole_life(project: Project, canaries: Canaries, api: Client) -> None:
    for name in ("read", "adopted"):
        config = {"name": name, "displayName": name, "version": 1}
        variables = {"BY_HAND": canaries.make("by hand")}
        project.platform.plugins.create(config | {"environmentVariables": variables}, None, "http://x")
    renew(project, canaries)
    project.environment["API"] = API
    project.program(PRELUDE + PROGRAM + OF_OTHERS)
    runs = [_without_the_engines_wire_dump(project.up("--diff", *LOUD))]
    assert_variables_arrived(project, canaries)
    assert project.resources()["read"]["outputs"]["environment_variables"].keys() == {"BY_HAND"}
    platforms_own = [
        project.shown(name)["environmentVariables"]["BIOT_SERVICE_USER_SECRET_KEY"] for name in ("read", "adopted")
    ]

    renew(project, canaries)
    project.program(PRELUDE + PROGRAM)
    quoting = {"endpoint": canaries.value("query")}
    project.platform.faults.add(status=400, code="X", details=quoting, path="/hooks/.*/subscribe", times=1)
    refused = project.up("--diff", "--show-replacement-steps").failed("400 X")
    canaries.assert_unseen(refused)
    runs.append(project.pulumi("up", "--yes", "--diff", "-v=8", "--logtostderr", log=True))
    assert_variables_arrived(project, canaries)

    drifted = {"PLAIN": canaries.make("drifted"), "BY_HAND": canaries.make("drifted")}
    project.platform.plugins.update("Plugin-hello", {"environmentVariables": drifted}, None)
    runs += [project.refresh("--diff"), project.pulumi("preview", "--json")]
    runs += [
        project.pulumi(*command.split()) for command in ("stack export", "stack output --json", "stack --show-ids")
    ]
    runs += [project.destroy("--diff")]

    for run in runs:
        run.succeeded()
    assert "PLAIN" in refused.output  # which variable changes is told
    canaries.assert_unseen(*runs)
    texts = [text for run in (*runs, refused) for text in (run.output, run.event_log)] + [project.stored_text()]
    assert [number for number, text in enumerate(texts) if any(own in text for own in platforms_own)] == []
    assert [*api.search_notifications({}), *api.search_interceptions({})] == []


def test_no_secret_is_shown_by_a_check_that_fails(project: Project, canaries: Canaries) -> None:
    canaries.renew("plain_variable", *WRONG_NAMES)
    project.environment["NAMES"] = " ".join(WRONG_NAMES)
    project.program(PRELUDE + WRONG)

    preview = project.preview("--diff", *LOUD)  # the SDK's own log has a traceback

    assert preview.code != 0
    for problem in (
        "timeout: must be a whole number (seconds), not '[secret]'",
        "enabled_state: ",
        "environment_variables.BIOT_PLAIN: the prefix BIOT_ is reserved",
        "environment_variables.1SECRET: must be a letter",
        "environment_variables: must be at most",
    ):
        assert problem in preview.output
    canaries.assert_unseen(_without_the_engines_wire_dump(preview))
