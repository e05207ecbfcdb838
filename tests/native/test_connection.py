"""How the engine meets the provider, configures it and ends it."""

from __future__ import annotations

import json
import re
import secrets
import threading
import time

import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.json_format import MessageToDict
from pulumi.runtime.proto import provider_pb2 as proto

from biot_provider import __version__
from biot_provider.native.servicer import KINDS

from ..stopwatch import Stopwatch
from ..uncoded import uncoded
from .conftest import UNKNOWN, Engine, refused, secret, struct, urn

PROVIDER = "urn:pulumi:dev::shop::pulumi:providers:biot::default"


def test_the_handshake_takes_secrets_and_the_version_is_the_packages(engine: Engine) -> None:
    request = proto.ProviderHandshakeRequest(engine_address="127.0.0.1:9", configure_with_urn=True)
    response = engine.calls.Handshake(request)
    assert response.accept_secrets
    assert not response.accept_resources  # so that a reference arrives as the id
    assert engine.calls.GetPluginInfo(Empty()).version == __version__
    assert re.match(r"\d+\.\d+\.\d+", __version__)


def test_the_schema_has_every_kind_and_function(engine: Engine) -> None:
    schema = json.loads(engine.calls.GetSchema(proto.GetSchemaRequest()).schema)
    assert schema["resources"].keys() == KINDS.keys()
    assert {*schema["functions"]} == {f"biot:index:{name}" for name in ("getPlugin", "listPlugins", "getPublicKey")}


def test_a_secret_key_that_an_import_does_not_have_is_not_required_in_the_schema(engine: Engine) -> None:
    schema = json.loads(engine.calls.GetSchema(proto.GetSchemaRequest()).schema)
    user, key = (schema["resources"][f"biot:index:{name}"]["required"] for name in ("ServiceUser", "ServiceUserKey"))
    assert not {"secretKey", "secretKeyId"} & {*user}
    assert not {"secretKey", "creationTime", "expirationTime"} & {*key}


def test_credentials_are_secret_in_state_also_where_they_were_set_plain(engine: Engine) -> None:
    key, password = secrets.token_hex(16), secrets.token_hex(16)
    news = {"baseUrl": "embedded", "serviceSecretKey": key, "password": secret(password), "username": secret("ada")}
    response = engine.calls.CheckConfig(proto.CheckRequest(urn=PROVIDER, news=struct(news)))
    assert not response.failures
    assert MessageToDict(response.inputs) == news | {"serviceSecretKey": secret(key)}


def test_credentials_that_a_preview_does_not_know_stay_unknown(engine: Engine) -> None:
    response = engine.calls.CheckConfig(proto.CheckRequest(urn=PROVIDER, news=struct({"serviceSecretKey": UNKNOWN})))
    assert MessageToDict(response.inputs)["serviceSecretKey"] == secret(UNKNOWN)


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ({"baseUrl": "embedded"}, {"baseUrl": "embedded"}, []),
        ({"password": secret("a")}, {"password": "a"}, []),
        ({"baseUrl": "embedded", "stamp": "false"}, {"baseUrl": "embedded:x"}, ["baseUrl", "stamp"]),
    ],
)
def test_a_changed_connection_replaces_nothing(
    engine: Engine, old: dict[str, str], new: dict[str, str], changed: list[str]
) -> None:
    request = proto.DiffRequest(urn=PROVIDER, olds=struct(old), old_inputs=struct(old), news=struct(new))
    response = engine.calls.DiffConfig(request)
    assert response.changes == (proto.DiffResponse.DIFF_SOME if changed else proto.DiffResponse.DIFF_NONE)
    assert list(response.diffs) == changed
    assert not response.replaces


def test_values_of_the_configuration_are_texts_or_typed(engine: Engine) -> None:
    engine.configure(requestTimeout=7.5, stamp=False, maxConcurrentRequests=4.0)
    engine.create(engine.inputs())
    assert "PULUMI_BIOT_STAMP" not in engine.live()["environmentVariables"]
    engine.configure(requestTimeout="5", stamp="true", maxConcurrentRequests="4")
    assert engine.inputs()["name"] == "guard"


def test_what_is_wrong_with_the_connection_is_one_line_of_each_resource_and_function(engine: Engine) -> None:
    key = secrets.token_hex(16)
    engine.configure(baseUrl="http://example.com", serviceSecretKey=secret(key), requestTimeout="soon")
    (reason,) = engine.reasons()
    for line in (reason, refused(lambda: engine.invoke("biot:index:getPublicKey"))):
        assert "biot:baseUrl must be https" in line
        assert "biot:serviceId is not set" in line
        assert "biot:requestTimeout" in line
        assert key not in line


def test_a_provider_that_was_not_configured_says_so(engine: Engine) -> None:
    from biot_provider.native.servicer import BiotServicer

    request = proto.CheckRequest(urn=urn("Plugin", "guard"), news=struct({}))
    response = BiotServicer(None).Check(request, None)
    assert [uncoded(failure.reason) for failure in response.failures] == [
        "BioT connection: the provider is not configured"
    ]


def test_an_engine_that_gives_no_urn_configures_too(engine: Engine) -> None:
    engine.calls.Configure(proto.ConfigureRequest(args=struct({"baseUrl": f"embedded:{engine.folder / 'platform'}"})))
    assert engine.inputs()["name"] == "guard"


def test_cancel_ends_what_runs_and_what_begins_later(engine: Engine, latency: threading.Event) -> None:
    inputs = engine.inputs(code=engine.code(), runtime="python3.13")
    engine.platform.faults.add(method="POST", path="/plugins$", latency=8.0)
    lines: list[str] = []
    running = threading.Thread(target=lambda: lines.append(refused(lambda: engine.create(inputs))))
    running.start()
    while not any(fault["struck"] for fault in engine.platform.faults.all()):
        time.sleep(0.02)
    with Stopwatch() as stopwatch:
        engine.calls.Cancel(Empty())
        running.join()
    assert stopwatch.seconds < 5
    assert lines[0].startswith("create plugin 'guard': ")
    assert "cancelled" in lines[0]
    assert "cancelled" in refused(lambda: engine.invoke("biot:index:getPublicKey"))
