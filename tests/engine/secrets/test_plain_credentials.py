"""A credential that was set without `--secret`, through the native provider; for others see test_connection.py."""

from __future__ import annotations

import pytest

from biot_provider.emulator.http.server import running

from ..conftest import NATIVE, Project


@pytest.mark.story
def test_no_credential_is_plain_in_state(project: Project) -> None:
    key = project.platform.service_secret_key
    project.program(NATIVE + 'declare("Plugin", "hello")\ndeclare("Plugin", "inner")\n')
    with running(project.platform_folder) as address:
        project.config |= {"biot:baseUrl": address, "biot:serviceId": project.platform.service_id}
        project.config["biot:serviceSecretKey"] = key
        up = project.up().succeeded()
        assert key not in up.output + project.state_text()
        assert project.preview().succeeded().unchanged

        del project.config["biot:serviceSecretKey"]
        project.set_secret("biot:serviceSecretKey", key)
        up = project.up().succeeded()
        assert set(up.changes) <= {"same", "update", "delete"}, up.output
        assert not up.steps
        assert key not in up.output + project.state_text()
        project.destroy().succeeded()
    assert project.names() == set()
