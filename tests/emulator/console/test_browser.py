"""The console in a real browser: what a person sees and does there, and what hostile values do: nothing."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from biot_provider.emulator import Platform
from biot_provider.emulator.http.server import Background

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ..conftest import Caller
    from .conftest import Browser

pytestmark = pytest.mark.needs_builders

PATIENTS = "/organization/v1/users/patients"
LISTENING = {"notifications": [{"entityTypeName": "patient", "actionName": "_create"}]}
TALKER = """
    def handler(event, context):
        print("it was called by", event.get("source", "a person"))
        return {"statusCode": 201, "body": "done"}
"""
ENTER = "\ue007"


def test_a_call_appears_with_what_it_called_and_opens_to_its_log(
    console: Browser, outside: Caller, deploy: Any
) -> None:
    deploy("listener", TALKER, subscriptions=LISTENING, environmentVariables={"CLINIC": "secret value"})
    console.shows("listener", "#plugins")
    assert "CLINIC" in console.text("#plugins")
    assert "secret value" not in console.text()
    assert "patient _create" in console.text("#chains")
    outside.http.post(PATIENTS, json={})
    console.shows("NOTIFICATION patient _create", "#activity li.caused summary")
    console.click("NOTIFICATION patient _create")
    console.shows("it was called by a person", "#activity pre")
    assert "201" in console.text("#activity li.caused")
    assert "MB" in console.text("#activity li.caused")
    # What happens later leaves what is open as it is.
    outside.http.get(PATIENTS)
    console.shows(f"GET {PATIENTS}", "#activity")
    assert "it was called by a person" in console.text("#activity pre")
    assert console.reports() == []


def test_an_event_is_sent_with_the_form_and_by_its_schedule_with_the_keyboard(console: Browser, deploy: Any) -> None:
    deploy("first", TALKER)
    deploy("nightly", TALKER, cronSchedule="0 6 ? * MON-FRI *")
    console.shows("next: 2", "#plugins")
    console.run("document.getElementById('send-body').focus()")
    console.run("document.getElementById('send-body').value = '{'")
    console.click("Send", "#send")
    console.shows("The body is not JSON", "#result")
    console.run("document.getElementById('send-body').value = '{}'")
    console.click("Send", "#send")
    console.shows('"body": "done"', "#result")
    console.run("[...document.querySelectorAll('button')].find((one) => one.innerText === 'Run now').focus()")
    console.press(ENTER)
    console.shows("it was called by aws.events", "#result")
    console.shows("SCHEDULE, by hand", "#activity")


def test_the_key_leaves_the_address_and_a_reload_keeps_the_console_open(console: Browser, base_url: str) -> None:
    assert console.address == f"{base_url}/"
    console.command("refresh")
    console.shows("live from")
    console.open(f"{base_url}/#key=wrong")
    console.command("refresh")
    console.shows("live from")
    assert console.address == f"{base_url}/"


def test_without_a_key_the_page_says_where_it_is(browser: Browser, base_url: str, platform: Platform) -> None:
    for address in (base_url, f"{base_url}/#key=wrong"):
        browser.open("about:blank")
        browser.open(address)
        browser.shows("biot-provider emulator --open")
        assert "Send an event" not in browser.text()
    # The first address that has the right one opens it.
    browser.open(platform.console_key.address(base_url))
    browser.shows("live from")


def test_the_file_that_open_names_leads_to_it(
    browser: Browser, base_url: str, platform: Platform, tmp_path: Path
) -> None:
    from biot_provider.cli.emulator import write_leader

    file = tmp_path / "console.html"
    write_leader(file, platform.console_key.address(base_url))
    browser.open(file.as_uri())
    browser.shows("live from")
    assert browser.address == f"{base_url}/"


def test_the_link_of_a_plugin_leads_to_it(console: Browser, outside: Caller, deploy: Any) -> None:
    deploy("one", TALKER)
    deploy("other", TALKER)
    console.open("about:blank")
    console.open(outside.got("other")["linkToConsole"])
    console.shows("other", "#plugins .marked")
    assert console.run("return document.activeElement.className") == "marked"


def test_after_a_restart_it_asks_for_the_new_key(browser: Browser, tmp_path: Path) -> None:
    with Platform(tmp_path) as platform, Background(platform.app, 0) as server:
        browser.open(platform.console_key.address(server.base_url))
        browser.shows("live from")
        port = int(server.host.rpartition(":")[2])
    browser.shows("does not answer")
    with Platform(tmp_path) as platform, Background(platform.app, port):
        browser.shows("The console needs its key")


def test_a_hidden_page_sends_no_requests(console: Browser) -> None:
    first = console.command("window/new", type="tab")["handle"]
    console.command("window", handle=first)
    console.requested()
    threading.Event().wait(2.5)
    assert "/_emulator/console/state" not in console.requested()


MARKUP = "<img src=x onerror=\"document.title='pwned'\"><script>document.title='pwned'</script>"
HOSTILE = f"{MARKUP}'\"`${{1}}</textarea></title>\u202e&lt;b&gt; javascript:alert(1) \x1b[2J\x00"
RAISES = f"def handler(event, context):\n    print({HOSTILE!r})\n    raise ValueError({HOSTILE!r})\n"
ANSWERS = f"def handler(event, context):\n    return {{'statusCode': 200, 'body': {HOSTILE!r}}}\n"


def test_whatever_anybody_writes_is_shown_as_text(console: Browser, outside: Caller, deploy: Any) -> None:
    edits = outside.platform.edits
    deploy("answers", ANSWERS, displayName=MARKUP)
    deploy("raises", RAISES, subscriptions=LISTENING)
    deploy("odd", None, cronSchedule="0 6 ? * MON-FRI *")
    for member in ("displayName", "version", "enabledState", "runtime", "handler", "memorySize", "cronSchedule"):
        edits.change("plugin", "odd", member, HOSTILE)
    deploy("other", None)
    strange = {"interceptionOrder": 1, "interceptions": [], "notifications": [{"entityTypeName": 3, "actionName": []}]}
    for member in ("cronSchedule", "environmentVariables", "subscriptions"):
        edits.change("plugin", "other", member, strange)
    edits.change("plugin", "odd", "environmentVariables", {HOSTILE: "value"})
    hostile = {"interceptions": [{"type": HOSTILE, "apiId": HOSTILE}], "notifications": []}
    edits.change("plugin", "odd", "subscriptions", hostile | {"interceptionOrder": 1})
    endpoint = {"type": "PRE_REQUEST", "apiId": f"GET{PATIENTS}/{{id}}", "pathFilters": {"id": HOSTILE}}
    endpoint |= {"endpoint": "https://a.example/<script>document.title='pwned'</script>"}
    assert outside.http.post("/dispatcher/v1/hooks/interceptions/subscribe", json=endpoint).status_code == 201
    outside.http.post(PATIENTS, json={"x": HOSTILE})
    outside.http.get(f"/settings/{MARKUP}")
    console.shows("raises", "#activity summary")
    console.click("NOTIFICATION", "#activity")
    console.shows(MARKUP, "#activity pre")
    for place in ("#plugins", "#chains", "#activity", "#activity .problem"):
        console.shows(MARKUP, place)
    console.run(
        "const plugin = document.getElementById('send-plugin'); plugin.value = 'answers';"
        "plugin.dispatchEvent(new Event('change'))"
    )
    console.click("Send", "#send")
    console.shows("document.title='pwned'", "#result pre")
    assert console.run("return document.title") == "BioT on this machine"
    assert (
        console.run("return document.querySelectorAll('main :is(img, script, iframe, a, b, object, style)').length")
        == 0
    )
    assert console.reports() == []


LEAKS = """
    PAGE = '''<!doctype html><title>waits</title><script>
      let key;
      try { key = localStorage.getItem("biot-console-key"); } catch (error) { key = error.name; }
      fetch("/_emulator/console/state", {headers: {"X-Emulator-Key": key}})
        .then((answer) => answer.status, () => "not sent")
        .then((found) => { document.title = `${key} ${found}`; });
    </script>'''
    def handler(event, context):
        return {"statusCode": 200, "headers": {"content-type": "text/html"}, "body": PAGE}
"""


def test_a_page_of_a_plugin_reads_neither_the_key_nor_the_console(
    console: Browser, outside: Caller, deploy: Any
) -> None:
    deploy("leaks", LEAKS)
    console.open(outside.got("leaks")["endpointUrl"])
    title = "return document.title"
    console.until(lambda: console.run(title) != "waits", lambda: "its script does not run")
    assert console.run(title) == "SecurityError not sent"


@pytest.fixture
def elsewhere(base_url: str) -> Iterator[str]:
    """A page of another address that frames the console, and calls it."""
    call = 'fetch(`${there}/_emulator/console/events`, {method: "POST", mode: "no-cors", body: "{}"})'
    body = f"""<!doctype html><title>waits</title><a href="{base_url}/">open</a><iframe src="{base_url}/"></iframe>
        <script>const there = "{base_url}";
          {call}.finally(() => onload = () => document.title = "tried")</script>"""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()


def test_a_page_elsewhere_frames_and_calls_it_in_vain_and_may_link_to_it(
    console: Browser, base_url: str, elsewhere: str
) -> None:
    console.requested()
    console.open(elsewhere)
    console.until(lambda: console.run("return document.title") == "tried", lambda: "nothing is tried")
    events = [json.loads(entry)["message"] for entry in console.requested().splitlines()]
    received = [one["params"]["response"] for one in events if one["method"] == "Network.responseReceived"]
    ours = {one["url"].removeprefix(base_url): one["status"] for one in received if one["url"].startswith(base_url)}
    assert ours == {"/": 403, "/_emulator/console/events": 403}
    console.run("document.querySelector('a').click()")
    console.shows("live from")
