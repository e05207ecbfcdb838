"""The events that plugins get, and the changes that they may make: interceptions and notifications of patients."""

from __future__ import annotations

import http.server
import json
import ssl
import threading
import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest
import trustme

from ...stopwatch import Stopwatch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENTS = "/organization/v1/users/patients"
CREATE, SEARCH = f"POST{PATIENTS}", f"GET{PATIENTS}"
READ, UPDATE, DELETE = (f"{method}{PATIENTS}/{{id}}" for method in ("GET", "PATCH", "DELETE"))
TRACE = "0af7651916cd43dd8448eb211c80319c"

PRE = """
    import json

    def handler(event, context):
        request = json.loads(event["body"])["request"]
        request["body"]["seen"] = request["body"].get("seen", "") + "{letter}"
        return {{"request": request}}
"""
RECORD = """
    import json

    def handler(event, context):
        print(json.dumps({"headers": event["headers"], "body": json.loads(event["body"])}))
        body = json.loads(event["body"])
        return {name: body[name] for name in ("request", "response") if name in body}
"""
BLOCK = """
    import json

    def handler(event, context):
        body = {"code": "TOO_YOUNG", "message": "not yet", "details": {"age": 3}}
        return {"statusCode": 403, "body": json.dumps(body)}
"""


def subscribe(kind: str, target: str, **more: Any) -> dict[str, Any]:
    member = "entityTypeName" if kind == "ADAPT_ENTITY" else "apiId"
    return {"subscriptions": {"interceptionOrder": 5, "interceptions": [{"type": kind, member: target}], **more}}


def told(*actions: str, **more: Any) -> dict[str, Any]:
    notifications = [{"entityTypeName": "patient", "actionName": action, **more} for action in actions]
    return {"subscriptions": {"interceptionOrder": 5, "interceptions": [], "notifications": notifications}}


def logs(call: Any, source: str) -> list[str]:
    return [line["line"] for line in call.platform.logs.lines(source)]


def seen(call: Any, name: str) -> list[Any]:
    """The events of the plugin RECORD, after all notifications are sent."""
    assert call.platform.delivery.settle(120)
    lines = call.platform.logs.lines(name)
    return [json.loads(line["line"]) for line in lines if line["kind"] == "plugin"]


def made(call: Any, **attributes: Any) -> Any:
    answer = call.http.post(PATIENTS, json=attributes)
    assert answer.status_code == 201, answer.text
    return answer.json()


def claims(call: Any, token: str, *, key: str = "publicKey") -> Any:
    """The claims of a token, verified as a plugin does it."""
    public = call.http.get("/ums/v1/security/public-key").json()[key]
    pem = f"-----BEGIN PUBLIC KEY-----\n{public}\n-----END PUBLIC KEY-----"
    return jwt.decode(token, pem, algorithms=["RS512"])


def of_bearer(header: str) -> str:
    return header.removeprefix("Bearer ")


def test_interceptors_change_a_request_one_after_the_other_in_order(inside: Any, deploy: Any) -> None:
    for name, letter, order in (("late", "c", 9), ("early", "a", 2), ("middle", "b", 5)):
        deploy(name, PRE.format(letter=letter), **subscribe("PRE_REQUEST", CREATE, interceptionOrder=order))
    assert made(inside)["seen"] == "abc"


def test_an_interceptor_is_sent_the_call_as_its_caller_made_it(inside: Any, deploy: Any) -> None:
    deploy("record", RECORD, **subscribe("PRE_REQUEST", UPDATE))
    path = f"{PATIENTS}/{made(inside)['_id']}"
    headers = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01", "Accept-Language": "de-de"}
    inside.http.patch(f"{path}?a=1&a=2", json={"x": 1}, headers=headers)
    [sent] = seen(inside, "record")
    assert sent["headers"]["hooktype"] == "INTERCEPTOR_PRE"
    assert sent["headers"]["accept-language"] == "de-de"
    assert TRACE in sent["headers"]["traceparent"]
    body = sent["body"]
    assert (body["method"], body["entityName"], body["apiId"]) == ("PATCH", "patient", UPDATE)
    assert body["initiatorData"]["subjectId"] == inside.platform.service_id
    request = body["request"]
    assert (request["path"], request["body"], request["queryParameters"]) == (path, {"x": 1}, {"a": ["1", "2"]})
    assert request["headers"]["authorization"] == inside.http.headers["Authorization"]
    assert "response" not in body


def test_a_call_that_is_blocked_changes_nothing_and_its_caller_gets_the_plugins_answer(
    inside: Any, deploy: Any
) -> None:
    deploy("block", BLOCK, **subscribe("PRE_REQUEST", CREATE))
    deploy("later", RECORD, **subscribe("PRE_REQUEST", CREATE, interceptionOrder=9))
    deploy("record", RECORD, **told("_create"))
    answer = inside.http.post(PATIENTS, json={})
    assert (answer.status_code, answer.headers["content-type"]) == (403, "application/json")
    assert answer.json() == {"code": "TOO_YOUNG", "message": "not yet", "details": {"age": 3}}
    assert inside.http.get(PATIENTS).json()["data"] == []
    assert (seen(inside, "later"), seen(inside, "record")) == ([], [])


def test_an_interceptor_may_send_a_call_elsewhere(inside: Any, deploy: Any) -> None:
    patient = made(inside)
    deploy(
        "redirect",
        f"""
        def handler(event, context):
            return {{"request": {{"path": "{PATIENTS}/{patient["_id"]}"}}}}
        """,
        **subscribe("PRE_REQUEST", READ),
    )
    assert inside.http.get(f"{PATIENTS}/no-such").json() == patient


def test_an_interceptor_may_change_what_is_searched(inside: Any, deploy: Any) -> None:
    made(inside, _email="ada@example.com")
    made(inside, _email="bob@example.com")
    deploy(
        "narrow",
        """
        import json

        def handler(event, context):
            wanted = json.dumps({"filter": {"_email": {"like": "bob"}}})
            return {"request": {"queryParameters": {"searchRequest": [wanted]}}}
        """,
        **subscribe("PRE_REQUEST", SEARCH),
    )
    assert [row["_email"] for row in inside.http.get(PATIENTS).json()["data"]] == ["bob@example.com"]


def test_entities_of_answers_are_adapted_before_the_answer_is_intercepted(inside: Any, deploy: Any) -> None:
    deploy(
        "adapt",
        """
        import json

        def handler(event, context):
            entities = json.loads(event["body"])["response"]["entities"]
            return {"response": {"entities": [{**entity, "adapted": len(entities)} for entity in entities]}}
        """,
        **subscribe("ADAPT_ENTITY", "patient"),
    )
    deploy("record", RECORD, **subscribe("POST_REQUEST", SEARCH))
    patient = made(inside)
    assert patient["adapted"] == 1
    made(inside)
    assert [row["adapted"] for row in inside.http.get(PATIENTS).json()["data"]] == [2, 2]
    assert inside.http.get(f"{PATIENTS}/{patient['_id']}").json()["adapted"] == 1
    [sent] = seen(inside, "record")
    assert sent["headers"]["hooktype"] == "INTERCEPTOR_POST"
    assert [row["adapted"] for row in sent["body"]["response"]["body"]["data"]] == [2, 2]
    assert inside.http.delete(f"{PATIENTS}/{patient['_id']}").status_code == 204


def test_an_answer_may_be_changed_with_its_status(inside: Any, deploy: Any) -> None:
    deploy(
        "after",
        """
        import json

        def handler(event, context):
            body = json.loads(event["body"])["response"]["body"]
            return {"response": {"body": {"only": body["_id"]}, "statusCode": 202}}
        """,
        **subscribe("POST_REQUEST", CREATE),
    )
    answer = inside.http.post(PATIENTS, json={})
    [patient] = inside.http.get(PATIENTS).json()["data"]
    assert (answer.status_code, answer.json()) == (202, {"only": patient["_id"]})


def test_an_answer_that_is_blocked_comes_too_late_for_what_was_done(inside: Any, deploy: Any) -> None:
    deploy("block", BLOCK, **subscribe("POST_REQUEST", CREATE))
    deploy("record", RECORD, **told("_create"))
    assert inside.http.post(PATIENTS, json={}).json()["code"] == "TOO_YOUNG"
    [patient] = inside.http.get(PATIENTS).json()["data"]
    assert seen(inside, "record")[0]["body"]["data"]["entity"] == patient


def test_listeners_are_notified_of_every_change_in_order(inside: Any, deploy: Any) -> None:
    deploy("record", RECORD, **told("_create", "_update", "_delete"))
    headers = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
    patient = made(inside, heart_rate=70)
    path = f"{PATIENTS}/{patient['_id']}"
    changed = inside.http.patch(path, json={"heart_rate": 80}, headers=headers).json()
    inside.http.get(path)
    inside.http.patch(f"{PATIENTS}/no-such", json={})
    inside.http.delete(path)
    sent = seen(inside, "record")
    assert {one["headers"]["hooktype"] for one in sent} == {"NOTIFICATION"}
    bodies = [one["body"] for one in sent]
    assert [body["metadata"]["actionName"] for body in bodies] == ["_create", "_update", "_delete"]
    assert [body["data"]["entity"] for body in bodies] == [patient, changed, changed]
    assert bodies[1]["data"]["additionalData"]["oldEntity"] == patient
    metadata = bodies[1]["metadata"]
    assert (metadata["traceId"], metadata["status"]) == (TRACE, "SUCCESS")
    assert metadata["initiator"]["subject"]["id"] == inside.platform.service_id
    assert TRACE in sent[1]["headers"]["traceparent"]


def test_a_listener_for_one_template_hears_of_that_one_only(inside: Any, deploy: Any) -> None:
    deploy("record", RECORD, **told("_create", templateName="infant"))
    made(inside)
    inside.http.post(f"{PATIENTS}/templates/infant", json={"small": True})
    assert [one["body"]["data"]["entity"]["small"] for one in seen(inside, "record")] == [True]


def test_nobody_waits_for_a_listener_and_what_it_answers_changes_nothing(
    inside: Any, deploy: Any, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    waits = f"    while not os.path.exists({str(gate)!r}): time.sleep(0.01)\n"
    slow = f"import os, time\ndef handler(event, context):\n{waits}    raise ValueError('canary')\n"
    deploy("slow", slow, timeout=60, **told("_create"))
    deploy("record", RECORD, **told("_create"))
    made(inside)
    made(inside)
    gate.touch()
    assert len(seen(inside, "record")) == 2
    assert ["canary" in line for line in logs(inside, "slow") if line.startswith("NOTIFICATION")] == [True, True]


def test_a_placeholder_with_a_value_limits_an_interception_to_it(inside: Any, deploy: Any) -> None:
    deploy("infants", PRE.format(letter="i"), **subscribe("PRE_REQUEST", f"{CREATE}/templates/infant"))
    deploy(
        "all", PRE.format(letter="a"), **subscribe("PRE_REQUEST", f"{CREATE}/templates/{{name}}", interceptionOrder=9)
    )
    assert inside.http.post(f"{PATIENTS}/templates/infant", json={}).json()["seen"] == "ia"
    assert inside.http.post(f"{PATIENTS}/templates/adult", json={}).json()["seen"] == "a"
    assert "seen" not in made(inside)


def test_a_disabled_plugin_is_not_called(inside: Any, deploy: Any) -> None:
    deploy("block", BLOCK, enabledState="DISABLED", **subscribe("PRE_REQUEST", CREATE))
    made(inside)


def test_the_seed_lets_everything_pass(inside: Any, deploy: Any) -> None:
    interceptions = [
        {"type": "PRE_REQUEST", "apiId": CREATE},
        {"type": "POST_REQUEST", "apiId": CREATE},
        {"type": "ADAPT_ENTITY", "entityTypeName": "patient"},
    ]
    deploy("seed", None, subscriptions={"interceptionOrder": 1, "interceptions": interceptions, "notifications": []})
    assert made(inside, heart_rate=70)["heart_rate"] == 70
    assert len(logs(inside, "seed")) == 3


CALLBACK = """
    import json, os, urllib.request

    def call(method, path, body, headers):
        url = os.environ["BIOT_BASE_URL"] + path
        request = urllib.request.Request(url, json.dumps(body).encode(), headers, method=method)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def handler(event, context):
        user = {"id": os.environ["BIOT_SERVICE_USER_ID"], "secretKey": os.environ["BIOT_SERVICE_USER_SECRET_KEY"]}
        token = call("POST", "/ums/v2/services/accessToken", user, {"Content-Type": "application/json"})["accessToken"]
        more = {"allow-interception": "yes"} if "allow" in event["rawPath"] else {}
        headers = {"Authorization": "Bearer " + token, "Content-Type": "application/json", **more}
        return call("POST", "/organization/v1/users/patients", {}, headers)
"""


def test_a_plugins_own_calls_are_intercepted_only_if_it_asks_for_that(outside: Any, deploy: Any) -> None:
    deploy("callback", CALLBACK)
    deploy("guard", PRE.format(letter="g"), **subscribe("PRE_REQUEST", CREATE))
    url = outside.got("callback")["endpointUrl"]
    assert "seen" not in outside.http.get(url).json()
    assert outside.http.get(f"{url}allow").json()["seen"] == "g"


def test_tokens_are_signed_by_the_platform_for_what_they_are_for_and_used_again(inside: Any, deploy: Any) -> None:
    deploy("guard", RECORD, **subscribe("PRE_REQUEST", CREATE))
    deploy("listener", RECORD, **told("_create"))
    made(inside)
    made(inside)
    interceptions = [of_bearer(sent["headers"]["authorization"]) for sent in seen(inside, "guard")]
    assert interceptions[0] == interceptions[1]
    assert jwt.get_unverified_header(interceptions[0]) == {"alg": "RS512"}
    interception = claims(inside, interceptions[0])
    assert "PLUGIN_INTERCEPTOR" in interception["scopes"]
    assert interception["tokenType"] == "SERVICE_INTERNAL"
    assert set(interception) == {"serviceUserId", "scopes", "tokenType", "jti", "exp"}
    assert 1700 < interception["exp"] - time.time() <= 1801
    notification = seen(inside, "listener")[0]
    assert "authorization" not in notification["headers"]
    assert "ACTION_NOTIFICATION" in claims(inside, notification["body"]["jwt"])["scopes"]


def test_after_a_rotation_new_tokens_have_the_new_key_and_old_ones_the_previous(inside: Any, deploy: Any) -> None:
    deploy("guard", RECORD, **subscribe("PRE_REQUEST", CREATE))
    made(inside)
    inside.http.post("/_emulator/keys/rotate")
    made(inside)
    old, new = (of_bearer(sent["headers"]["authorization"]) for sent in seen(inside, "guard"))
    claims(inside, new)
    claims(inside, old, key="previousPublicKey")
    with pytest.raises(jwt.InvalidSignatureError):
        claims(inside, old)


def test_the_platforms_own_lines_hold_no_token_and_no_body(inside: Any, deploy: Any) -> None:
    deploy("guard", "def handler(event, context): raise ValueError\n", **subscribe("PRE_REQUEST", CREATE))
    inside.http.post(PATIENTS, json={"name": "canary"})
    text = "\n".join(line["line"] for line in inside.platform.logs.lines() if line["kind"] == "platform")
    assert text
    assert "canary" not in text
    assert "ey" not in text
    assert of_bearer(inside.http.headers["Authorization"]) not in text


FAILING = {
    "raises": "def handler(event, context): raise ValueError('canary')\n",
    "answers nothing": "def handler(event, context): pass\n",
    "answers nonsense": "def handler(event, context): return {'request': 5}\n",
    "answers rubbish": "def handler(event, context): return {'statusCode': 'fine'}\n",
}


@pytest.mark.parametrize("how", FAILING)
def test_a_failing_interceptor_fails_the_call_or_is_passed_over_by_variant(
    how: str, inside: Any, deploy: Any, refused: Any
) -> None:
    deploy("bad", FAILING[how], **subscribe("PRE_REQUEST", CREATE))
    details = refused(inside.http.post(PATIENTS, json={}), 500, "INTERCEPTOR_FAILED")
    assert details == {"interceptor": "bad", "interception": f"PRE_REQUEST {CREATE}"}
    inside.platform.contract_variants.set(failing_interceptors="skipped")
    made(inside)


class Endpoint:
    """A server in another account: records its requests, and gives the configured response."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.received: list[tuple[dict[str, str], Any]] = []
        self.status, self.headers, self.body = 200, dict[str, str](), b""
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                endpoint.received.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(endpoint.status)
                for name, value in endpoint.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(endpoint.body)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if context is not None:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"{'https' if context else 'http'}://localhost:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    endpoint = Endpoint()
    yield endpoint
    endpoint.close()


def intercept(call: Any, url: str, **more: Any) -> None:
    body = {"type": "PRE_REQUEST", "apiId": CREATE, "entityName": "patient", "endpoint": url, **more}
    answer = call.http.post("/dispatcher/v1/hooks/interceptions/subscribe", json=body)
    assert answer.status_code == 201, answer.text


def test_an_endpoint_elsewhere_is_sent_the_same_over_http(inside: Any, endpoint: Endpoint) -> None:
    intercept(inside, endpoint.url)
    endpoint.body = json.dumps({"request": {"body": {"heart_rate": 70}}}).encode()
    assert made(inside, heart_rate=900)["heart_rate"] == 70
    [(headers, body)] = endpoint.received
    assert (headers["hooktype"], headers["content-type"]) == ("INTERCEPTOR_PRE", "application/json")
    assert "PLUGIN_INTERCEPTOR" in claims(inside, of_bearer(headers["authorization"]))["scopes"]
    assert (body["apiId"], body["request"]["body"]) == (CREATE, {"heart_rate": 900})
    endpoint.status, endpoint.body = 409, b'{"code": "NO", "message": "no"}'
    blocked = inside.http.post(PATIENTS, json={})
    assert (blocked.status_code, blocked.content) == (409, endpoint.body)


def test_an_endpoint_elsewhere_is_notified_of_changes(inside: Any, endpoint: Endpoint) -> None:
    body = {"entityTypeName": "patient", "actionName": "_create", "endpoint": endpoint.url}
    assert inside.http.post("/dispatcher/v1/hooks/notifications/subscribe", json=body).status_code == 201
    patient = made(inside)
    assert inside.platform.delivery.settle(120)
    [(headers, sent)] = endpoint.received
    assert headers["hooktype"] == "NOTIFICATION"
    assert sent["data"]["entity"] == patient
    assert "ACTION_NOTIFICATION" in claims(inside, sent["jwt"])["scopes"]


def test_hosted_plugins_and_endpoints_elsewhere_share_one_order(inside: Any, deploy: Any, endpoint: Endpoint) -> None:
    deploy("first", PRE.format(letter="a"), **subscribe("PRE_REQUEST", CREATE, interceptionOrder=1))
    deploy("last", RECORD, **subscribe("PRE_REQUEST", CREATE, interceptionOrder=9))
    intercept(inside, endpoint.url, executionOrder=5)
    endpoint.body = json.dumps({"request": {"body": {"seen": "changed"}}}).encode()
    assert made(inside)["seen"] == "changed"
    assert endpoint.received[0][1]["request"]["body"] == {"seen": "a"}
    assert seen(inside, "last")[0]["body"]["request"]["body"] == {"seen": "changed"}


def test_path_filters_limit_an_endpoint_to_one_value(inside: Any, endpoint: Endpoint) -> None:
    endpoint.status = 403
    intercept(
        inside, endpoint.url, apiId=f"{CREATE}/templates/{{templateName}}", pathFilters={"templateName": "infant"}
    )
    assert inside.http.post(f"{PATIENTS}/templates/infant", json={}).status_code == 403
    assert inside.http.post(f"{PATIENTS}/templates/adult", json={}).status_code == 201


def test_an_endpoint_that_cannot_be_reached_fails_the_call(inside: Any, endpoint: Endpoint, refused: Any) -> None:
    intercept(inside, endpoint.url)
    endpoint.close()
    refused(inside.http.post(PATIENTS, json={}), 500, "INTERCEPTOR_FAILED")
    assert logs(inside, endpoint.url) == [f"PRE_REQUEST {CREATE}: Connection refused"]
    inside.platform.contract_variants.set(failing_interceptors="skipped")
    made(inside)


def test_no_redirect_of_an_endpoint_is_followed(inside: Any, endpoint: Endpoint) -> None:
    intercept(inside, endpoint.url)
    endpoint.status, endpoint.headers = 307, {"Location": endpoint.url}
    assert inside.http.post(PATIENTS, json={}).status_code == 307
    assert len(endpoint.received) == 1


def test_an_endpoints_certificate_is_checked(
    inside: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Any
) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    endpoint = Endpoint(context)
    try:
        intercept(inside, endpoint.url)
        refused(inside.http.post(PATIENTS, json={}), 500, "INTERCEPTOR_FAILED")
        assert endpoint.received == []
        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        endpoint.body = b'{"request": {}}'
        made(inside)
    finally:
        endpoint.close()


def test_the_end_of_the_platform_waits_for_no_listener_for_long(inside: Any, deploy: Any) -> None:
    deploy("slow", "import time\ndef handler(event, context): time.sleep(60)\n", timeout=60, **told("_create"))
    made(inside)
    made(inside)
    told_before_the_end: list[str] = []
    inside.platform.logs.watch(lambda _source, _kind, line: told_before_the_end.append(line))
    before = time.monotonic()
    with Stopwatch() as stopwatch:
        inside.platform.close()
    assert time.monotonic() - before > 1
    assert stopwatch.seconds < 4
    assert "notifications not sent, as the platform ends: 2" in told_before_the_end
