"""A create that made the plugin and could not finish it: it is in state, and the next `up` finishes it."""

from __future__ import annotations

from ..conftest import NATIVE, Project


def test_a_plugin_that_could_not_be_finished_is_kept_and_updated(project: Project) -> None:
    project.program(NATIVE + 'declare("Plugin", "hello", code="plugins/hello", timeout=9)')
    project.platform.faults.add("rollback-failed", method="POST", path="/plugins$", when="after")
    project.platform.faults.add("forbidden", method="PATCH", times=None)
    refused = project.up().failed("update plugin 'hello': the platform answered 403 ACCESS_DENIED")
    assert "\n    " not in refused.error
    assert project.resources()["hello"]["initErrors"]
    assert project.resources()["hello"]["outputs"]["endpointUrl"] == project.shown("hello")["endpointUrl"]

    project.platform.faults.clear()
    up = project.up().succeeded()
    assert up.steps == {"hello": ["update"]}
    assert "initErrors" not in project.resources()["hello"]
    assert project.shown("hello")["timeout"] == 9
