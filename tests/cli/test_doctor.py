"""`biot-provider doctor` on the platform: permissions, certificates, unreachable places; and what it prints."""

from __future__ import annotations

import itertools
import secrets
import socket
import ssl
import subprocess
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import trustme
import yaml

from biot_provider.cli import main
from biot_provider.cli.doctor.connection import clock
from biot_provider.cli.errors import CommandError
from biot_provider.emulator.http.server import running

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mock import MockerFixture

    from biot_provider.emulator import Platform

    from ..conftest import Tunnel
    from .conftest import Doctor, Terminal

OPERATIONS = ("GET", "SEARCH", "CREATE", "UPDATE", "DELETE")
PERMISSIONS = [f"SETTINGS_PLUGIN_{operation}" for operation in OPERATIONS]
KINDS = {
    "biot.PluginImage": ["SETTINGS_PLUGIN_GET_DOCKER_REPOSITORY_TEMP_CREDENTIALS"],
    "biot.ServiceUser": [
        *("UMS_USERS_GET_SERVICE_USER_BY_ID", "UMS_USERS_SEARCH_SERVICE_USERS", "UMS_SERVICES_CREATE_SERVICE_USER"),
        *("UMS_SERVICES_UPDATE_SERVICE_USER", "UMS_SERVICES_DELETE_SERVICE_USER"),
    ],
    "biot.ServiceUserKey": [
        *("UMS_USERS_GET_SERVICE_USER_BY_ID", "UMS_USERS_CREATE_SECRET_KEY_BY_SERVICE_USER_ID"),
        "UMS_USERS_DELETE_SECRET_KEY_BY_ID",
    ],
    "biot.InterceptionSubscription": [f"HOOKS_INTERCEPTION_{verb}" for verb in ("SEARCH", "CREATE", "DELETE")],
    "biot.NotificationSubscription": [
        f"DISPATCHER_SUBSCRIPTIONS_{verb}" for verb in ("SEARCH", "SUBSCRIBE", "UNSUBSCRIBE")
    ],
}
OF_THE_IDENTITY = {*PERMISSIONS, *KINDS}
OF_THE_PLATFORM = {"certificate", "platform", "clock", "identity", *OF_THE_IDENTITY}


@pytest.mark.usefixtures("served")
def test_where_all_is_well_every_line_is_ok_and_nothing_has_changed(doctor: Doctor, platform: Platform) -> None:
    code, output = doctor.text("--verbose")
    *lines, last = output.splitlines()
    assert code == 0, output
    assert [line.split()[0] for line in lines] == [
        *("configuration", "address", "certificate", "platform", "clock", "identity"),
        *PERMISSIONS,
        *KINDS,
        *("engine", "images", "builds", "writing", "project", "plugins"),
    ]
    assert {line.split()[1] for line in lines} == {"ok"}
    assert "BIOT_SERVICE_SECRET_KEY" in lines[0]
    assert platform.service_secret_key not in output
    assert "BioT 2.4.3" in lines[3]
    assert "29 min" in lines[5]
    assert last == "next: pulumi preview"
    assert platform.plugins.search({})["data"] == []
    assert {entry["status"] for entry in platform.requests() if entry["method"] not in ("GET", "POST")} == {404}


THINGS = [
    *("configuration", "connection", "platform", "clock", "identity", "permissions", "resources"),
    *("engine", "images", "builds", "writing", "project", "plugins"),
]


@pytest.mark.usefixtures("served")
def test_what_is_fine_is_one_line_and_what_is_not_has_its_own(doctor: Doctor, platform: Platform) -> None:
    code, output = doctor.text()
    *lines, last = output.splitlines()
    assert (code, last) == (0, "next: pulumi preview")
    assert [line.split()[:2] for line in lines] == [[thing, "ok"] for thing in THINGS]

    platform.faults.add("forbidden", method="DELETE", path="/plugins", times=None)
    platform.faults.add("forbidden", method="GET", path="/services", times=None)
    code, output = doctor.text()
    *lines, last = output.splitlines()
    assert (code, last) == (1, "next: correct it, then run `biot-provider doctor` again")
    wrong = [line.split()[:2] for line in lines if line.split()[1] != "ok"]
    assert wrong == [
        ["SETTINGS_PLUGIN_DELETE", "problem"],
        ["biot.ServiceUser", "note"],
        ["biot.ServiceUserKey", "note"],
    ]
    assert [line.split()[0] for line in lines if line.split()[1] == "ok"] == [
        thing for thing in THINGS if thing not in ("permissions", "resources")
    ]


def test_what_depends_on_a_problem_is_a_line_without_text(doctor: Doctor) -> None:
    doctor.stack({})
    _, output = doctor.text()
    assert [line for line in output.splitlines() if line.endswith("not checked")] == [
        f"{thing:<13}  not checked" for thing in THINGS[1:7]
    ]
    assert output.splitlines()[-1] == "next: name a stack, as in `biot-provider doctor --stack dev`"


def test_a_terminal_wraps_a_problem_and_no_command_in_it(doctor: Doctor, terminal: Terminal) -> None:
    doctor.stack({"biot:requestTimeout": 60})
    code, output = terminal(80, "doctor", "--stack", "dev")
    first, *more = output.partition("\nconnection")[0].splitlines()
    assert code == 1
    assert first.startswith("configuration  problem  BioT connection: biot:baseUrl is not set")
    assert len(more) > 3
    assert all(line.startswith(" " * 24) for line in more)
    assert "`pulumi config set biot:baseUrl https://api.<env>.<project>.biot-med.com`" in output
    assert max(len(line) for line in (first, *more) if "`pulumi config set biot:baseUrl" not in line) <= 80


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize("columns", [80, 200])
def test_a_terminal_of_24_lines_holds_the_report(columns: int, doctor: Doctor, terminal: Terminal) -> None:
    for number in range(40):
        doctor.file(f"plugins/a-plugin-with-a-long-name-{number}/plugin.yaml")
    code, output = terminal(columns, "doctor")
    lines = output.splitlines()
    assert code == 0, output
    assert [line.split()[:2] for line in lines[:-1]] == [[thing, "ok"] for thing in THINGS]
    assert max(map(len, lines)) <= columns


def test_the_embedded_platform_needs_no_configuration_but_its_name(doctor: Doctor) -> None:
    doctor.stack({"biot:baseUrl": "embedded"})
    found = doctor.run("--stack", "dev")
    assert found.problems == {}
    assert "not needed" in found.findings["certificate"][1]
    assert "no data yet" in found.findings["address"][1]
    assert not (doctor.folder / ".biot").exists()


@pytest.mark.parametrize("form", ["embedded", {"value": "embedded"}, {"type": "string", "default": "embedded"}])
def test_what_stands_in_the_projects_own_file_counts_after_the_stacks(doctor: Doctor, form: Any) -> None:
    doctor.stack({})
    file = doctor.folder / "Pulumi.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | {"config": {"biot:baseUrl": form}}))
    found = doctor.run("--stack", "dev")
    assert found.problems == {}
    assert "biot:baseUrl from Pulumi.yaml" in found.findings["configuration"][1]
    doctor.stack({"biot:baseUrl": "http://platform.acme.example"})
    assert "must be https" in doctor.run("--stack", "dev").problem[1]


def test_the_embedded_platform_of_the_stack_is_the_one_looked_at(doctor: Doctor) -> None:
    from biot_provider.emulator import Platform

    doctor.stack({"biot:baseUrl": "embedded"})
    with Platform(doctor.folder / ".biot" / "dev") as platform:
        platform.faults.add("forbidden", method="DELETE", path="/plugins")
        assert doctor.run("--stack", "acme/shop/dev").problem[0] == "SETTINGS_PLUGIN_DELETE"


def test_an_embedded_folder_that_cannot_be_used_is_one_line(doctor: Doctor) -> None:
    doctor.file("mine/platform.sqlite", "something else entirely")
    doctor.stack({"biot:baseUrl": "embedded:mine"})
    found = doctor.run("--stack", "dev")
    assert found.problem[0] == "address"
    assert "another folder" in found.problem[1]
    assert set(found.texts("not checked")) == OF_THE_PLATFORM


@pytest.mark.parametrize("missing", PERMISSIONS)
def test_a_missing_permission_is_named_and_no_other(
    doctor: Doctor, platform: Platform, served: str, missing: str
) -> None:
    doctor.as_user(served, platform.add_service_user([name for name in PERMISSIONS if name != missing]))
    check, text = doctor.run().problem
    assert check == missing
    assert "give the role" in text


@pytest.mark.parametrize("kind", KINDS)
def test_what_only_some_programs_need_is_a_note_that_names_it(
    doctor: Doctor, platform: Platform, served: str, kind: str
) -> None:
    everything = {*PERMISSIONS, *itertools.chain(*KINDS.values())}
    doctor.as_user(served, platform.add_service_user(sorted(everything - {KINDS[kind][-1]})))
    found = doctor.run()
    assert found.problems == {}
    assert found.texts("note") == {kind: f"lacks {KINDS[kind][-1]}: needed only where the program has this resource"}
    assert platform.plugins.search({})["data"] == []


@pytest.mark.parametrize("kind", ["bad-gateway", "internal-error", "unauthorized"])
@pytest.mark.usefixtures("served")
def test_a_permission_that_cannot_be_checked_is_no_ok(doctor: Doctor, platform: Platform, kind: str) -> None:
    platform.faults.add(kind, method="PATCH", path="/plugins")
    check, text = doctor.run().problem
    assert check == "SETTINGS_PLUGIN_UPDATE"
    assert text.startswith("cannot be checked: the platform answered ")


@pytest.mark.usefixtures("served")
def test_a_platform_that_takes_a_senseless_request_is_a_problem(doctor: Doctor, platform: Platform) -> None:
    platform.faults.add(method="POST", path="plugins$", status=201, json={"name": "no plugin"})
    check, text = doctor.run().problem
    assert check == "SETTINGS_PLUGIN_CREATE"
    assert "look at the plugins in the BioT Console" in text


@pytest.mark.parametrize("user", [{"expired": True}, {"locked": True}])
def test_a_login_that_is_refused_is_one_line_and_leaves_permissions_unchecked(
    doctor: Doctor, platform: Platform, served: str, user: Any
) -> None:
    service_id, secret_key = platform.add_service_user(**user)
    doctor.as_user(served, (service_id, secret_key))
    found = doctor.run()
    check, text = found.problem
    assert check == "identity"
    assert ("LOGIN_FAILED" if "expired" in user else "SERVICE_LOCKED") in text
    assert secret_key not in text
    assert set(found.texts("not checked")) == OF_THE_IDENTITY


def as_person(doctor: Doctor, base_url: str, user: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BIOT_SERVICE_ID", "BIOT_SERVICE_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
    doctor.environment(BIOT_BASE_URL=base_url, BIOT_USERNAME=user[0], BIOT_PASSWORD=user[1])


def test_a_person_is_as_good_as_a_service_user(
    doctor: Doctor, platform: Platform, served: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = platform.add_user()
    as_person(doctor, served, user, monkeypatch)
    code, output = doctor.text()
    assert code == 0, output
    assert "biot:password from BIOT_PASSWORD" in output
    assert user[1] not in output


@pytest.mark.parametrize(
    ("user", "said"),
    [
        ({"mfa": True}, "second factor"),
        ({"locked": True}, "USER_LOCKED"),
        ({"locked_minutes": 7}, "time left in minutes 7"),
    ],
)
def test_a_person_who_is_kept_out_is_one_line(
    doctor: Doctor, platform: Platform, served: str, monkeypatch: pytest.MonkeyPatch, user: Any, said: str
) -> None:
    as_person(doctor, served, platform.add_user(**user), monkeypatch)
    found = doctor.run()
    check, text = found.problem
    assert check == "identity"
    assert said in text
    assert set(found.texts("not checked")) == OF_THE_IDENTITY


def test_tokens_too_short_to_be_of_use_are_a_problem(doctor: Doctor, platform: Platform, served: str) -> None:
    doctor.as_user(served, platform.add_service_user(token_seconds=40))
    check, text = doctor.run().problem
    assert check == "identity"
    assert "accessTokenExpirationInMinutes" in text


@pytest.mark.usefixtures("served")
def test_an_address_that_is_not_biots_is_a_problem_of_the_platform(doctor: Doctor, platform: Platform) -> None:
    platform.faults.add(times=None, status=404, body="<html>no such page</html>")
    found = doctor.run()
    assert "check that biot:baseUrl is BioT's REST API" in found.problems["platform"]
    assert found.findings["clock"][0] == "not checked"


@pytest.mark.usefixtures("served")
def test_a_connection_that_breaks_is_one_line(
    doctor: Doctor, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: sleep(min(seconds, 0.01)))  # between the attempts of a request
    platform.faults.add("reset", times=None)
    found = doctor.run()
    assert set(found.problems) == {"platform", "identity"}
    assert all("\n" not in text for text in found.problems.values())


def test_a_place_that_cannot_be_reached_leaves_the_rest_unchecked(doctor: Doctor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    for base_url in (f"http://127.0.0.1:{port}", "https://platform.invalid"):
        doctor.as_user(base_url, ("id", "wrong"))
        found = doctor.run()
        assert found.problem[0] == "address"
        assert "check biot:baseUrl and the network" in found.problem[1]
        assert set(found.texts("not checked")) == OF_THE_PLATFORM


def served_with(leaf: trustme.LeafCert, doctor: Doctor, platform: Platform, folder: Path, closing: ExitStack) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    base_url = closing.enter_context(running(folder, tls=context))
    doctor.as_user(base_url, (platform.service_id, platform.service_secret_key))


def test_a_trusted_certificate_is_shown_with_its_end(doctor: Doctor, platform: Platform, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    doctor.environment(SSL_CERT_FILE=str(tmp_path / "ca.pem"))
    for days, soon in ((90, False), (5, True)):
        ends = datetime.now(UTC) + timedelta(days=days)
        with ExitStack() as closing:
            leaf = authority.issue_cert("127.0.0.1", not_after=ends)
            served_with(leaf, doctor, platform, tmp_path / "data", closing)
            found = doctor.run()
        assert found.problems == {}
        assert f"valid until {ends:%Y-%m-%d}" in found.findings["certificate"][1]
        assert ("have it renewed" in found.findings["certificate"][1]) == soon


def test_a_certificate_that_does_not_hold_is_one_line(doctor: Doctor, platform: Platform, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    doctor.environment(SSL_CERT_FILE=str(tmp_path / "ca.pem"))
    now = datetime.now(UTC)
    past = authority.issue_cert("127.0.0.1", not_before=now - timedelta(days=9), not_after=now - timedelta(days=1))
    for leaf, said in (
        (past, "has expired"),
        (authority.issue_cert("10.0.0.1"), "is not for 127.0.0.1"),
        (authority.issue_cert("platform.example"), "is not for 127.0.0.1"),
        (trustme.CA().issue_cert("127.0.0.1"), "set SSL_CERT_FILE"),
    ):
        with ExitStack() as closing:
            served_with(leaf, doctor, platform, tmp_path / "data", closing)
            found = doctor.run()
        assert found.problem[0] == "certificate"
        assert said in found.problem[1]
        assert set(found.texts("not checked")) == OF_THE_PLATFORM - {"certificate"}


HOST = "api.dev.acme.example"


def behind(tunnel: Tunnel, doctor: Doctor, platform: Platform, folder: Path, closing: ExitStack) -> None:
    """The platform under a name that only the proxy leads to, and an authority of its own."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(context)
    tunnel.lead_to(int(closing.enter_context(running(folder / "data", tls=context, names=[HOST])).rpartition(":")[2]))
    doctor.as_user(f"https://{HOST}", (platform.service_id, platform.service_secret_key))
    doctor.environment(SSL_CERT_FILE=str(folder / "ca.pem"), HTTPS_PROXY=tunnel.address)


def test_address_and_certificate_are_looked_at_through_the_proxy(
    doctor: Doctor, platform: Platform, tunnel: Tunnel, tmp_path: Path
) -> None:
    with ExitStack() as closing:
        behind(tunnel, doctor, platform, tmp_path, closing)
        found = doctor.run()
        assert found.problems == {}
        assert found.findings["address"][1].startswith(f"https://{HOST} is reached by the proxy 127.0.0.1:")
        assert "trusted, valid until" in found.findings["certificate"][1]
        assert set(tunnel.asked) == {f"CONNECT {HOST}:443"}

        doctor.environment(SSL_CERT_FILE=str(doctor.file("other.pem", trustme.CA().cert_pem.bytes().decode())))
        check, text = doctor.run().problem
        assert (check, "set SSL_CERT_FILE" in text) == ("certificate", True)

        tunnel.refuse = True
        check, text = doctor.run().problem
        assert check == "certificate"
        assert text == f"the proxy does not lead to {HOST} (403 Forbidden): check HTTPS_PROXY and NO_PROXY"


@pytest.mark.parametrize(
    ("proxy", "said"),
    [
        ("http://127.0.0.1:9", "127.0.0.1:9 cannot be reached (Connection refused): check HTTPS_PROXY and NO_PROXY"),
        ("http://proxy.invalid:3128", "proxy.invalid cannot be resolved"),
        ("socks5://127.0.0.1:9", "check HTTPS_PROXY"),
    ],
)
def test_a_proxy_that_is_not_there_is_one_line(doctor: Doctor, proxy: str, said: str) -> None:
    doctor.as_user(f"https://{HOST}", ("id", "wrong"))
    doctor.environment(HTTPS_PROXY=proxy)
    check, text = doctor.run().problem
    assert check == "address"
    assert said in text


def test_a_port_without_tls_is_one_line(doctor: Doctor, platform: Platform, served: str) -> None:
    doctor.as_user(served.replace("http:", "https:"), (platform.service_id, platform.service_secret_key))
    check, text = doctor.run().problem
    assert check == "certificate"
    assert "does not speak TLS" in text


def test_a_clock_that_is_wrong_is_a_problem_with_its_direction() -> None:
    date = "Tue, 24 Nov 2026 08:00:00 GMT"
    there = datetime(2026, 11, 24, 8, tzinfo=UTC).timestamp()
    assert clock(date, lambda: there + 20) == "within 20 s of the platform's"
    with pytest.raises(CommandError, match="95 s ahead of"):
        clock(date, lambda: there + 95)
    with pytest.raises(CommandError, match="95 s behind"):
        clock(date, lambda: there - 95)
    for unknown in (None, "", "yesterday"):
        assert clock(unknown) == "the platform does not report its time"


@pytest.mark.usefixtures("served")
def test_a_check_that_fails_itself_does_not_stop_the_others(doctor: Doctor, mocker: MockerFixture) -> None:
    mocker.patch("biot_provider.cli.doctor.project.engine", side_effect=RuntimeError("anything"))
    found = doctor.run()
    assert found.problem == ("engine", "this check itself failed (RuntimeError): please report it")
    assert found.findings["plugins"][0] == "ok"


def test_ctrl_c_ends_it_with_one_line(
    doctor: Doctor, mocker: MockerFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    mocker.patch("biot_provider.cli.doctor.project.engine", side_effect=KeyboardInterrupt)
    assert main(["doctor"]) == 130
    assert capsys.readouterr().err == "biot-provider: stopped\n"


def test_a_reader_that_has_read_enough_sees_no_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "biot_provider.cli", "doctor"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1


@pytest.mark.parametrize("person", [False, True], ids=["service user", "person"])
def test_a_secret_that_the_platform_quotes_in_parts_is_not_shown(
    doctor: Doctor, platform: Platform, served: str, person: bool
) -> None:
    key = f"canary{secrets.token_hex(12)}"
    names = ("BIOT_USERNAME", "BIOT_PASSWORD") if person else ("BIOT_SERVICE_ID", "BIOT_SERVICE_SECRET_KEY")
    doctor.environment(BIOT_BASE_URL=served, **dict(zip(names, ("ada", key), strict=True)))
    body = {"code": "LOGIN_FAILED", "message": f"{key[:20]}... is wrong, not {key[5:].upper()}", "details": {"k": key}}
    platform.faults.add(status=403, json=body, path="/ums/", method="POST", times=None)
    for arguments in ((), ("--json",)):
        code, output = doctor.text(*arguments)
        assert code == 1
        assert "LOGIN_FAILED" in output
        assert [at for at in range(6, len(key) - 7) if key[at : at + 8] in output.lower()] == []
