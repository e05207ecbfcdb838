"""Where the connection comes from, and what is told when the platform cannot be reached, refuses, or talks rubbish."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

from biot_provider.emulator.http.server import running

if TYPE_CHECKING:
    from conftest import Project

HELLO = {"hello": {"timeout": 5}}
CHANGED = {"hello": {"timeout": 6}}
TRACE = "(trace id "


def _told(project: Project, *texts: str) -> None:
    """Run `up`, which fails with one line that has all these texts; the state stays as it was."""
    before = project.state_text()
    error = project.up().failed().error
    assert error.startswith("BioT: ")
    assert "\n" not in error
    for text in texts:
        assert text in error
    assert project.state_text() == before


def _deployed(project: Project) -> None:
    """A deployed plugin with a change to come, and little patience with the platform."""
    project.config["biot:requestTimeout"] = "1"
    project.declare(HELLO)
    project.up().succeeded()
    project.declare(CHANGED)
    project.forget_requests()


def test_a_service_user_deploys_over_http_with_its_key_from_the_stack_configuration(project: Project) -> None:
    project.declare({"hello": {"code": "plugins/hello"}})
    with running(project.platform_folder) as address:
        project.config |= {"biot:baseUrl": address, "biot:serviceId": project.platform.service_id}
        project.pulumi("stack", "ls").succeeded()
        project.set_secret("biot:serviceSecretKey", project.platform.service_secret_key)
        up = project.up().succeeded()
        assert up.steps == {"hello": ["create"]}
        assert project.preview("--refresh", "--expect-no-changes").succeeded().unchanged
        destroy = project.destroy().succeeded()

    assert project.names() == set()
    kept = [up.output, up.event_log, destroy.output, destroy.event_log, project.stored_text()]
    assert [text for text in kept if project.platform.service_secret_key in text] == []


def test_the_environment_gives_the_connection_where_the_stack_does_not(project: Project) -> None:
    del project.config["biot:baseUrl"]
    project.declare(HELLO)
    with running(project.platform_folder) as address:
        project.environment |= {
            "BIOT_BASE_URL": address,
            "BIOT_SERVICE_ID": project.platform.service_id,
            "BIOT_SERVICE_SECRET_KEY": project.platform.service_secret_key,
        }
        project.up().succeeded()

    assert project.names() == {"hello"}
    assert project.platform.service_secret_key not in project.stored_text()


def test_destroy_goes_where_the_plugins_were_deployed_whatever_the_configuration_says_now(project: Project) -> None:
    project.declare(HELLO)
    project.up().succeeded()
    project.config["biot:baseUrl"] = f"embedded:{project.folder / 'another'}"

    project.destroy().succeeded()

    assert project.names() == set()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_unreachable_platform_is_told_with_its_address(project: Project, scheme: str) -> None:
    _deployed(project)
    with socket.socket() as taken:  # bound and not listening: nobody answers there
        taken.bind(("127.0.0.1", 0))
        address = f"{scheme}://127.0.0.1:{taken.getsockname()[1]}"
        project.config |= {"biot:baseUrl": address, "biot:serviceId": "service-1"}
        project.environment["BIOT_SERVICE_SECRET_KEY"] = "not a key"

        result = project.up().failed()

    assert result.error.startswith(f"BioT: log in as service user service-1: {address} cannot be reached (")
    assert "check biot:baseUrl and the network" in result.error
    assert "\n" not in result.error
    assert project.resources()["hello"]["outputs"]["timeout"] == 5
    assert project.shown("hello")["timeout"] == 5


def test_wrong_credentials_are_told_with_the_keys_to_check(project: Project) -> None:
    project.declare(HELLO)
    with running(project.platform_folder) as address:
        project.config |= {"biot:baseUrl": address, "biot:serviceId": project.platform.service_id}
        project.environment["BIOT_SERVICE_SECRET_KEY"] = "not the key"
        result = project.up().failed()

    asked = f"BioT: log in as service user {project.platform.service_id}: the platform answered 403 LOGIN_FAILED"
    assert result.error.startswith(asked)
    assert TRACE in result.error
    assert "What to do: check biot:serviceId and biot:serviceSecretKey" in result.error
    assert "not the key" not in result.output
    assert project.resources() == {}


@pytest.mark.parametrize(
    ("fault", "texts"),
    [
        ({"kind": "forbidden"}, ["403 ACCESS_DENIED", "What to do: give the service user's role"]),
        (
            {"status": 400, "code": "INTERCEPTION_CONFIGURATION_NOT_FOUND", "details": {"apiId": "GET/x"}},
            ["400 INTERCEPTION_CONFIGURATION_NOT_FOUND", "(api id GET/x)", "What to do: check api_id"],
        ),
        ({"status": 418, "code": "SOMETHING_NEW"}, ["418 SOMETHING_NEW", "a fault on order"]),
    ],
)
def test_a_refusal_of_the_platform_is_one_line_with_its_words_and_trace_id(
    project: Project, fault: dict[str, Any], texts: list[str]
) -> None:
    _deployed(project)
    project.platform.faults.add(method="PATCH", times=None, **fault)

    _told(project, "update plugin 'hello': the platform answered", *texts, TRACE)

    assert len(project.requests("PATCH")) == 1  # a refusal is no reason to ask again
    assert project.shown("hello")["timeout"] == 5
    project.platform.faults.clear()
    project.up().succeeded()
    assert project.shown("hello")["timeout"] == 6


@pytest.mark.parametrize(
    ("fault", "texts"),
    [
        ({"kind": "bad-gateway"}, ["502", "with no error body of BioT's", "502 Bad Gateway"]),
        ({"kind": "not-json", "when": "before"}, ["200 with something that is not its answer", "<html></html>"]),
    ],
)
def test_an_answer_that_is_rubbish_is_quoted_and_what_became_of_the_plugin_is_said(
    project: Project, fault: dict[str, Any], texts: list[str]
) -> None:
    _deployed(project)
    project.platform.faults.add(method="PATCH", times=None, **fault)

    _told(project, "update plugin 'hello': the platform answered", *texts, "does not show the change")

    assert project.shown("hello")["timeout"] == 5
    project.platform.faults.clear()
    project.up().succeeded()
    assert project.shown("hello")["timeout"] == 6


@pytest.mark.parametrize("kind", ["bad-gateway", "gateway-timeout", "not-json", "aws-conflict"])
def test_a_create_with_an_unclear_outcome_ends_in_one_plugin_within_the_same_up(project: Project, kind: str) -> None:
    project.declare({"hello": {"code": "plugins/hello"}})
    project.platform.faults.add(kind, method="POST", path="/settings/")

    project.up().succeeded()

    assert [fault["struck"] for fault in project.platform.faults.all()] == [1]
    assert project.names() == {"hello"}
    assert project.shown("hello")["version"] == 1
    assert project.preview("--refresh", "--expect-no-changes").succeeded().unchanged


@pytest.mark.parametrize("kind", ["kill", "kill-after-commit"])
def test_a_provider_killed_in_the_middle_of_a_create_is_made_good_by_the_next_up(project: Project, kind: str) -> None:
    project.declare({"hello": {"code": "plugins/hello"}})
    project.platform.faults.add(kind, method="POST", path="/settings/")
    project.up().failed()
    assert project.resources() == {}

    project.up().succeeded()

    assert project.names() == {"hello"}
    assert project.resources()["hello"]["outputs"]["version"] == project.shown("hello")["version"] == 1
    assert project.preview("--refresh", "--expect-no-changes").succeeded().unchanged


@pytest.mark.parametrize("kind", ["kill", "kill-after-commit"])
def test_a_provider_killed_in_the_middle_of_an_update_is_made_good_by_the_next_up(project: Project, kind: str) -> None:
    project.declare({"hello": {"code": "plugins/hello"}})
    project.up().succeeded()
    project.file("plugins/hello/index.js", "// new\n")
    project.platform.faults.add(kind, method="PATCH")
    project.up().failed()

    project.up().succeeded()

    assert project.deployed_files("hello") == {"index.js": b"// new\n"}
    assert project.resources()["hello"]["outputs"]["version"] == project.shown("hello")["version"] == 2
    assert project.preview("--refresh", "--expect-no-changes").succeeded().unchanged
