"""Whatever argument of whatever kind is given as a secret: no run shows it, and no state has it in plain text.

The names of plugins and images are their ids, which Pulumi itself keeps and shows in plain text. Those of subscriptions
are made of an endpoint and of filters, without what is secret there.
"""

from __future__ import annotations

import secrets

import pytest

from biot_provider.api.client import Client

from .conftest import Project, Result

PRELUDE = """
def secret(value):
    return pulumi.Output.secret(value)

def canary(name):
    return os.environ["CANARY_" + name.upper()]
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
    environment_variables={"PLAIN": canary("plain_variable"), "SECRET": secret(canary("variable"))},
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
"""
NAMES = (
    *("image_code", "image_handler", "display_name", "code", "handler"),
    *("plain_variable", "variable", "template", "origin", "user", "keeper", "query", "filter"),
)
API = "POST/organization/v1/users/patients/templates/{templateName}"

WRONG = """
biot.Plugin("plugin", **{name: secret(canary(name)) for name in os.environ["NAMES"].split()})
"""
WRONG_NAMES = (
    *("display_name", "version", "image_tag", "runtime", "handler", "timeout", "memory_size", "ephemeral_storage"),
    *("environment_variables", "subscriptions", "enabled_state", "cron_schedule", "analytics_db_access", "cors"),
)


class Canaries:
    """Values made at random for one test, in the program's environment by the names of their arguments."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.made: dict[str, list[str]] = {}

    def renew(self, *names: str) -> None:
        for name in names:
            value = f"canary{secrets.token_hex(10)}"
            self.made.setdefault(name, []).append(value)
            self.project.environment[f"CANARY_{name.upper()}"] = value

    def value(self, name: str) -> str:
        return self.made[name][-1]

    def assert_unseen(self, *results: Result) -> None:
        """No piece of one is in what these runs wrote, nor in what the backend keeps."""
        texts = {f"{place} of run {number}": getattr(result, place) for number, result in enumerate(results)
                 for place in ("stdout", "stderr", "event_log")}  # fmt: skip
        texts["the backend"] = self.project.stored_text()
        # Not the text itself in the assertion: a failure would print it.
        seen = {
            (name, where)
            for name, values in self.made.items()
            for value in values
            for where, text in texts.items()
            if any(value[at : at + 12].lower() in text.lower() for at in range(len(value) - 11))
        }
        assert seen == set()


@pytest.fixture
def canaries(project: Project) -> Canaries:
    return Canaries(project)


def write_code(project: Project, canaries: Canaries) -> None:
    """The files that the program names."""
    for folder, handler in (("code", "handler"), ("image_code", "image_handler")):
        code = f"def {canaries.value(handler)}(event, context): ...\n"
        project.file(f"{canaries.value(folder)}/app.py", code)


def test_no_secret_argument_is_shown_in_a_whole_life(project: Project, canaries: Canaries, api: Client) -> None:
    project.program(PRELUDE + PROGRAM)
    project.environment["API"] = API
    canaries.renew(*NAMES)
    write_code(project, canaries)
    runs = [project.pulumi("up", "--yes", "--diff", log=True)]
    canaries.renew(*NAMES)
    write_code(project, canaries)
    quoting = {"endpoint": canaries.value("query")}
    project.platform.faults.add(status=400, code="X", details=quoting, path="/hooks/.*/subscribe", times=1)
    refused = project.up("--diff", "--show-replacement-steps").failed("400 X")
    canaries.assert_unseen(refused)
    runs += [project.pulumi("preview", "--json"), project.up("--diff"), project.refresh("--diff")]
    runs += [
        project.pulumi(*command.split()) for command in ("stack export", "stack output --json", "stack --show-ids")
    ]
    runs += [project.destroy("--diff")]
    for run in runs:
        run.succeeded()
    canaries.assert_unseen(*runs)
    assert [*api.search_notifications({}), *api.search_interceptions({})] == []


def test_no_secret_argument_is_shown_by_a_check_that_fails(project: Project, canaries: Canaries) -> None:
    canaries.renew(*WRONG_NAMES)
    project.environment["NAMES"] = " ".join(WRONG_NAMES)
    project.program(PRELUDE + WRONG)
    preview = project.preview("--diff").failed(
        "timeout: must be a whole number (seconds), not '[secret]'", "enabled_state: "
    )
    canaries.assert_unseen(preview)
