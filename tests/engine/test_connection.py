"""Where the connection comes from, what becomes of a refusal, and programs of several platforms.

Of an address that is another platform's see test_owners.py.
"""

from __future__ import annotations

from pathlib import Path

from biot_provider.emulator import Platform
from biot_provider.emulator.http.server import running

from .conftest import Project

PROGRAM = """
biot.Plugin("hello", code="plugins/hello", timeout={timeout})
group = pulumi.ComponentResource("shop:index:Group", "group")
biot.Plugin("inner", opts=pulumi.ResourceOptions(parent=group))
"""


def test_the_connection_comes_from_the_stack_or_the_environment_and_a_refusal_is_one_line(project: Project) -> None:
    key = project.platform.service_secret_key
    project.program(PROGRAM.format(timeout=3))
    with running(project.platform_folder) as address:
        # A key that was set without --secret.
        user, plain_key = project.platform.add_service_user()
        project.config |= {"biot:baseUrl": address, "biot:serviceId": user, "biot:serviceSecretKey": plain_key}
        plain = project.up().succeeded()
        assert plain.steps == {"hello": ["create"], "inner": ["create"]}
        assert plain_key not in plain.output + project.state_text()
        assert "run `pulumi config set --secret biot:serviceSecretKey`" in plain.output

        del project.config["biot:serviceSecretKey"]
        project.config["biot:serviceId"] = project.platform.service_id
        project.set_secret("biot:serviceSecretKey", key)
        secret = project.up().succeeded()
        assert set(secret.changes) <= {"same", "update", "delete"}, secret.output
        assert not secret.steps
        assert plain_key not in secret.output + project.state_text()

        project.config.clear()
        project.environment |= {
            "BIOT_BASE_URL": address,
            "BIOT_SERVICE_ID": project.platform.service_id,
            "BIOT_SERVICE_SECRET_KEY": key,
        }
        before = project.resources()["hello"]["outputs"]
        project.program(PROGRAM.format(timeout=9))
        project.platform.faults.add("forbidden", method="PATCH", times=None)
        refused = project.up().failed()
        assert refused.error.startswith("BioT: update plugin 'hello': the platform answered 403 ACCESS_DENIED")
        assert "What to do: give the service user's role" in refused.error
        assert "(trace id " in refused.error
        assert "\n" not in refused.error
        assert len(project.requests("PATCH")) == 1  # a refusal is no reason to ask again
        assert project.resources()["hello"]["outputs"] == before

        destroy = project.destroy().succeeded()

    assert project.names() == set()
    runs = (plain, secret, refused, destroy)
    shown = [text for run in runs for text in (run.output, run.event_log)]
    assert [number for number, text in enumerate((*shown, project.stored_text())) if key in text] == []


PROVIDERS = """
import os
eu = biot.Provider("eu", base_url={url!r}, service_id={id!r}, service_secret_key=os.environ["EU_KEY"],
                  max_concurrent_requests=1)
biot.Plugin("hello", opts=pulumi.ResourceOptions(provider=eu))
biot.Plugin("here")
"""


def test_one_program_deploys_to_two_platforms_by_two_providers(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "eu"
    with Platform(folder) as platform, running(folder) as base_url:
        key = platform.service_secret_key
        project.environment["EU_KEY"] = key
        project.program(PROVIDERS.format(url=base_url, id=platform.service_id))

        project.up().succeeded()

        assert {row["name"] for row in platform.plugins.search({})["data"]} == {"hello"}
        assert project.names() == {"here"}
        assert key not in project.stored_text()

        # Another identity, and another address of the same platform: an update of the provider, no change of plugins.
        other_id, project.environment["EU_KEY"] = platform.add_service_user()
        project.program(PROVIDERS.format(url=base_url.replace("127.0.0.1", "localhost"), id=other_id))
        changed = project.up().succeeded()
        assert (changed.changes, changed.steps) == ({"same": 3, "update": 1}, {})

        project.destroy().succeeded()
        assert platform.plugins.search({})["data"] == []
