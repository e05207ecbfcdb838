"""What moves to the other provider as another resource: one process deletes what the other one has."""

from __future__ import annotations

import pytest

from biot_provider.api.client import Client

from ..conftest import NATIVE, Project

pytestmark = pytest.mark.story

DYNAMIC = """
biot.Plugin("hello", code="plugins/hello")
biot.NotificationSubscription("told", entity_type_name="patient", action_name="_create", endpoint=URL)
"""
MOVED = f"""{NATIVE}
declare("Plugin", "hello", code="plugins/hello")
declare("NotificationSubscription", "told", entityTypeName="patient", actionName="_create", endpoint=URL)
"""
URL = 'URL = "https://hooks.example.com/told"\n'


@pytest.mark.parametrize(
    ("program", "options"),
    [
        (MOVED.replace("aliases=[", "aliases=[] and ["), ()),
        (MOVED, ("--replace", "**hello", "--replace", "**told")),
    ],
    ids=["without an alias", "replaced at once"],
)
def test_it_is_kept(project: Project, api: Client, program: str, options: tuple[str, ...]) -> None:
    project.program(URL + DYNAMIC)
    project.up().succeeded()
    before = project.shown("hello")
    (told,) = api.search_notifications({})
    project.program(URL + program)
    up = project.up(*options).succeeded()
    assert "is kept, not made anew: its replacement has taken it over" in up.output
    assert "stays subscribed: another resource of this stack has taken it over" in up.output
    assert project.shown("hello")["endpointUrl"] == before["endpointUrl"]
    assert [found.id for found in api.search_notifications({})] == [told.id]
    assert project.preview("--refresh").succeeded().unchanged
    project.destroy().succeeded()
    assert project.names() == set()
