"""A plugin that moves to the other provider as another resource: one process deletes what the other one has."""

from __future__ import annotations

import pytest

from ..conftest import NATIVE, Project

DYNAMIC = 'biot.Plugin("hello", code="plugins/hello")'
MOVED = NATIVE + 'declare("Plugin", "hello", code="plugins/hello")'


@pytest.mark.parametrize(
    ("program", "options"),
    [
        (MOVED.replace("aliases=[", "aliases=[] and ["), ()),
        (MOVED, ("--replace", "**hello")),
    ],
    ids=["without an alias", "replaced at once"],
)
def test_it_is_kept(project: Project, program: str, options: tuple[str, ...]) -> None:
    project.program(DYNAMIC)
    project.up().succeeded()
    before = project.shown("hello")
    project.program(program)
    up = project.up(*options).succeeded()
    assert "is kept, not made anew: its replacement has taken it over" in up.output
    assert project.shown("hello")["endpointUrl"] == before["endpointUrl"]
    assert project.preview("--refresh").succeeded().unchanged
    project.destroy().succeeded()
    assert project.names() == set()
