"""The response of a starter to each kind of call."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path

from biot_provider.emulator import Platform
from biot_provider.emulator.delivery.plugin_tokens import INTERCEPTOR, NOTIFICATION, plugin_token

from .conftest import PRE, PUBLIC_KEY, REQUEST, TRACE_ID, Requests, Start, event, notification, pre


def test_each_kind_of_hook_passes_with_the_platforms_token(
    start: Start, platform: Platform, base_url: str, requests: Requests
) -> None:
    warm = start(base_url)
    bearer = f"Bearer {plugin_token(platform.keys, INTERCEPTOR)}"
    post, adapt = {"body": {"_id": "1"}}, {"entities": [{"_id": "1"}], "more": 1}

    assert warm.call(event("INTERCEPTOR_PRE", PRE, bearer)).value == {"request": REQUEST}
    assert warm.call(event("INTERCEPTOR_POST", {**PRE, "response": post}, bearer)).value == {"response": post}
    assert warm.call(event("INTERCEPTOR_POST_ENTITY", {**PRE, "response": adapt}, bearer)).value == {"response": adapt}
    assert warm.call(notification(plugin_token(platform.keys, NOTIFICATION))).value == {"statusCode": 200}
    assert requests() == [PUBLIC_KEY]


def test_headers_may_be_in_any_case_and_the_body_in_base64(start: Start, platform: Platform, base_url: str) -> None:
    sent = pre(plugin_token(platform.keys, INTERCEPTOR))
    sent["headers"] = {name.title(): value.replace("Bearer", "bearer") for name, value in sent["headers"].items()}
    sent |= {"body": base64.b64encode(sent["body"].encode()).decode(), "isBase64Encoded": True}

    assert start(base_url).call(sent).value == {"request": REQUEST}


def test_the_schedule_needs_no_token_and_nobody_can_pass_for_it(start: Start) -> None:
    warm = start("")
    ran = warm.call({})
    called = warm.call(event(None, None))

    assert ran.value == {"statusCode": 200}
    assert json.loads(ran.logs[0])["traceId"] == "request-1"
    assert called.refusal == (401, "TOKEN_NOT_VALID")
    assert "schedule" not in "".join(called.logs).lower()


def test_a_direct_call_is_answered_with_a_token_of_the_platform(
    start: Start, platform: Platform, base_url: str
) -> None:
    warm = start(base_url)
    person = plugin_token(platform.keys, "ANYTHING")

    assert warm.call(event(None, {}, f"Bearer {person}")).value == {"message": "Hello from Ward Watch"}
    for authorization in (None, "Bearer a.b.c", f"Basic {person}"):
        assert warm.call(event(None, {}, authorization)).refusal == (401, "TOKEN_NOT_VALID")


def test_what_is_no_hook_of_biots_is_refused(start: Start) -> None:
    warm = start("")

    assert warm.call(event("INTERCEPTOR_SIDEWAYS", {})).refusal == (400, "HOOK_UNKNOWN")
    for body in ("no json", "[]", "null", "7"):
        assert warm.call({**event("INTERCEPTOR_PRE", {}), "body": body}).refusal == (400, "BODY_NOT_JSON")


def test_log_lines_are_json_with_the_trace_and_without_tokens_or_what_was_sent(
    start: Start, platform: Platform, base_url: str
) -> None:
    token = plugin_token(platform.keys, INTERCEPTOR)
    interception = start(base_url).call(pre(token))
    notified = start(base_url).call(notification(plugin_token(platform.keys, NOTIFICATION)))

    assert [json.loads(line)["traceId"] for line in interception.logs] == [TRACE_ID]
    assert [json.loads(line)["traceId"] for line in notified.logs] == ["trace-1"]
    assert "canary" not in interception.logs[0]
    assert token not in interception.logs[0]


CALL_BACK = {
    "python": (
        '    log("on_schedule")\n',
        "    from biot_api import ApiError, call\n"
        '    found = [call("GET", "/settings/v2/plugins")["metadata"]["page"]["totalResults"] for _ in range(2)]\n'
        "    try:\n"
        '        call("DELETE", "/settings/v2/plugins/Plugin-none")\n'
        "    except ApiError as error:\n"
        '        log("called back", found=found, status=error.status, code=error.code)\n',
    ),
    "nodejs": (
        '  log("onSchedule");\n',
        '  const { call } = await import("./biot_api.js");\n'
        "  const found = [];\n"
        "  for (const _ of [1, 2]) {\n"
        '    found.push((await call("GET", "/settings/v2/plugins")).metadata.page.totalResults);\n'
        "  }\n"
        '  await call("DELETE", "/settings/v2/plugins/Plugin-none").catch(({ status, code }) =>\n'
        '    log("called back", { found, status, code }));\n',
    ),
}


def test_a_plugin_calls_back_as_its_service_user_with_one_token(
    start: Start,
    written: Path,
    language: str,
    platform: Platform,
    base_url: str,
    requests: Requests,
    tmp_path: Path,
) -> None:
    folder = tmp_path / "own" / "plugin"
    shutil.copytree(written, folder)
    index = next(folder.glob("index.*"))
    before, after = CALL_BACK[language]
    assert before in index.read_text()
    index.write_text(index.read_text().replace(before, after))
    user = {"BIOT_SERVICE_USER_ID": platform.service_id, "BIOT_SERVICE_USER_SECRET_KEY": platform.service_secret_key}

    answer = start(base_url, folder, **user).call({})

    logged = json.loads(answer.logs[0])
    assert (logged["found"], logged["status"], logged["code"]) == ([0, 0], 404, "PLUGIN_NOT_FOUND")
    assert requests().count("/ums/v2/services/accessToken") == 1
