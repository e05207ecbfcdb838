"""`biot-provider invoke`: the calls it makes, what it prints of them, and how it ends."""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from biot_provider.cli import main
from biot_provider.cli.invoke.calls import Call, notes
from biot_provider.cli.invoke.command import Options, _Session
from biot_provider.cli.invoke.samples import ACTIONS
from biot_provider.cli.invoke.sender import Sender
from biot_provider.cli.invoke.usage import read_text

from .conftest import RUNTIME, Made

PLUGINS = Path(__file__).parent.parent.parent / "plugins"
ECHO = """
import json
def handler(event, context):
    print(json.dumps(event))
    return {"statusCode": 200}
"""
PASSES = """
import json
def handler(event, context):
    body = json.loads(event["body"])
    return {name: body[name] for name in ("response",) if name in body} or {"request": body["request"]}
"""
Ran = tuple[int, str, str]
Invoke = Callable[..., Ran]


@pytest.fixture(scope="module")
def sender() -> Iterator[Sender]:
    """The sender of all tests: making the keys of its platform takes most of the time of a run."""
    with contextlib.ExitStack() as closing:
        yield _Session(Options(folder=Path()), closing)._start_sender()


@pytest.fixture
def invoke(sender: Sender, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Invoke:
    """Runs the command with the shared sender; returns the exit code, the output and the problems."""
    monkeypatch.setattr(_Session, "_start_sender", lambda _: sender)

    def run(*arguments: str | Path) -> Ran:
        code = main(["invoke", *map(str, arguments)])
        output, problems = capsys.readouterr()
        return code, output, problems

    return run


def got(output: str) -> Any:
    """The event that a plugin has printed."""
    line = next(line for line in output.splitlines() if "log   | {" in line)
    return json.loads(line.partition("| ")[2])


def titles(output: str) -> list[str]:
    return [
        line for line in output.splitlines() if line.startswith(("PRE", "POST", "ADAPT", "NOTIF", "SCHED", "DIRECT"))
    ]


def test_the_python_example_blocks_a_vital_sign_out_of_range(invoke: Invoke) -> None:
    api_id = "PATCH/organization/v1/users/patients/{id}"
    code, output, problems = invoke(
        PLUGINS / "vitals-guard", "--event", "pre", "--api-id", api_id, "--data", '{"heart_rate": 900}'
    )

    assert (code, problems) == (0, "")
    assert titles(output) == [f"PRE_REQUEST {api_id}"]
    assert "  answers 400\n" in output
    assert '"message": "Vital signs out of range: heart_rate: 900 is not within 20..250"' in output
    assert "  means   the call is blocked: the caller gets 400 VITAL_SIGN_OUT_OF_RANGE\n" in output


def test_the_nodejs_example_is_notified_of_a_device(invoke: Invoke) -> None:
    code, output, problems = invoke(PLUGINS / "device-alerts")

    assert (code, problems) == (0, "")
    assert titles(output) == ["NOTIFICATION device _update"]
    assert '"message":"device needs attention"' in output
    assert re.search(r"  took +[0-9.]+ m?s, cold start ", output)
    assert " of 128 MB\n" in output


def test_each_subscription_is_called_once_and_the_schedule_last(made: Made, invoke: Invoke) -> None:
    subscriptions = {
        "interceptions": [
            {"type": "PRE_REQUEST", "apiId": "POST/device/v2/devices"},
            {"type": "POST_REQUEST", "apiId": "GET/organization/v1/users/patients/{id}"},
            {"type": "ADAPT_ENTITY", "entityTypeName": "caregiver"},
        ],
        "notifications": [{"entityTypeName": "patient", "actionName": "_login"}],
    }
    folder = made(ECHO, subscriptions=subscriptions, cronSchedule="0 6 ? * MON-FRI *")
    code, output, _ = invoke(folder)

    assert titles(output) == [
        "PRE_REQUEST POST/device/v2/devices",
        "POST_REQUEST GET/organization/v1/users/patients/{id}",
        "ADAPT_ENTITY caregiver",
        "NOTIFICATION patient _login",
        "SCHEDULE",
    ]
    assert code == 1
    assert output.count("  problem the answer has no body") == 3
    assert output.count("cold start") == 1


def test_a_plugin_that_subscribes_to_nothing_is_called_directly(made: Made, invoke: Invoke) -> None:
    code, output, _ = invoke(made(ECHO))
    assert (code, titles(output)) == (0, ["DIRECT CALL"])
    assert "  answers 200, without a body\n  took " in output


@pytest.mark.parametrize("kind", ["pre", "post", "adapt", "interception-pre"])
def test_an_interception_that_is_answered_right_is_all_well(made: Made, invoke: Invoke, kind: str) -> None:
    code, output, _ = invoke(made(PASSES), "--event", kind)
    assert code == 0
    assert "unchanged" in output.splitlines()[-1]


def test_a_change_of_the_request_is_named(made: Made, invoke: Invoke) -> None:
    code = "def handler(event, context): return {'request': {'body': {'changed': 1}}}\n"
    _, output, _ = invoke(made(code), "--event", "pre")
    assert output.endswith("  means   the call continues with another body\n")


@pytest.mark.parametrize("entity", ACTIONS)
def test_every_documented_notification_can_be_sent(sender: Sender, entity: str) -> None:
    for action in ACTIONS[entity]:
        call = Call("notification", entity=entity, action=action)
        body = json.loads(sender.event(call)["body"])
        assert notes(call) == []
        assert (body["metadata"]["entityTypeName"], body["metadata"]["actionName"]) == (entity, action)
        assert len(body["data"]["entity"]) > 5
        assert ("oldEntity" in body["data"]["additionalData"]) == (action == "_update")
        assert body["data"]["entity"] != body["data"]["additionalData"].get("oldEntity")


def test_a_notification_of_ones_own_choice(made: Made, invoke: Invoke) -> None:
    options = ["--event", "notification", "--entity", "device", "--action", "create", "--data", '{"_id": "d1"}']
    code, output, _ = invoke(made(ECHO), *options)
    assert (code, titles(output)) == (0, ["NOTIFICATION device _create"])
    assert json.loads(got(output)["body"])["data"]["entity"] == {"_id": "d1"}


def test_an_undocumented_action_is_noted_and_sent(made: Made, invoke: Invoke) -> None:
    code, output, _ = invoke(made(ECHO), "--event", "notification", "--entity", "device", "--action", "_craete")
    assert code == 0
    assert "  note: the platform's documentation lists no '_craete' of device; did you mean '_create'?\n" in output


PRINTS_ITS_TOKEN = """
def handler(event, context):
    token = event["headers"]["authorization"].removeprefix("Bearer ")
    print("to the log:", token, event["body"])
    return {"request": {"headers": {"authorization": "Bearer " + token}}}
"""


def test_the_token_is_never_printed(made: Made, invoke: Invoke) -> None:
    code, output, _ = invoke(made(PRINTS_ITS_TOKEN), "--event", "pre")
    assert code == 0
    assert "to the log: [secret] {" in output
    assert '"authorization": "Bearer [secret]"' in output
    assert "eyJ" not in output


def test_a_plugin_can_call_back_with_its_own_service_user(made: Made, invoke: Invoke) -> None:
    code = """
import json, os, urllib.request
def handler(event, context):
    body = {"id": os.environ["BIOT_SERVICE_USER_ID"], "secretKey": os.environ["BIOT_SERVICE_USER_SECRET_KEY"]}
    url = os.environ["BIOT_BASE_URL"] + "/ums/v2/services/accessToken"
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    print(urllib.request.urlopen(request).status, os.environ["BIOT_APP_NAME"], body["secretKey"])
    return {"statusCode": 200}
"""
    code_, output, _ = invoke(made(code, displayName="My Trial"))
    assert code_ == 0
    assert "log   | 200 My Trial [secret]\n" in output


def test_variables_come_from_the_file_then_the_options(made: Made, invoke: Invoke, tmp_path: Path) -> None:
    file = tmp_path / "variables"
    file.write_text("# mine\nexport TWO='2 2'\n\nTHREE=3\nBIOT_SHOULD_VALIDATE_JWT=false\n")
    code = (
        "import os\n"
        "def handler(event, context):\n"
        "    print(*[os.environ[n] for n in ('ONE', 'TWO', 'THREE', 'BIOT_SHOULD_VALIDATE_JWT')])\n"
    )
    folder = made(code, environmentVariables={"ONE": "1", "TWO": "0"})
    _, output, _ = invoke(folder, "--env-file", file, "--env", "THREE=three=3")
    assert "log   | 1 2 2 three=3 false\n" in output


@pytest.mark.parametrize("mistake", ["none", "a line", "an option", "the manifest"])
def test_no_variable_is_shown(made: Made, invoke: Invoke, tmp_path: Path, mistake: str) -> None:
    canaries = [f"canary{secrets.token_hex(8)}" for _ in range(4)]
    variables = {"OF_MANIFEST": canaries[0]} | ({"BIOT_X": canaries[1]} if mistake == "the manifest" else {})
    file = tmp_path / "variables"
    file.write_text(f"OF_FILE={canaries[2]}\n" + (canaries[3] if mistake == "a line" else ""))
    option = canaries[3] if mistake == "an option" else f"OF_OPTION={canaries[3]}"
    folder = made("def handler(event, context): ...\n", environmentVariables=variables)
    code, output, problems = invoke(folder, "--event", "direct", "--env-file", file, "--env", option)
    assert (code == 0) == (mistake == "none"), problems
    assert [canary[6:14] for canary in canaries if canary[6:14] in output + problems] == []


def test_what_the_ignore_rules_drop_is_missed_here_already(made: Made, invoke: Invoke) -> None:
    folder = made("import own\ndef handler(event, context): ...\n")
    (folder / "own.py").write_text("")
    assert invoke(folder)[0] == 0
    (folder / ".biotignore").write_text("own.py\n")
    code, output, _ = invoke(folder)
    assert code == 1
    assert "Runtime.ImportModuleError: index.py cannot be loaded: No module named 'own'" in output


def test_a_zip_runs_with_a_runtime_and_a_handler(made: Made, invoke: Invoke, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "my.plugin.zip", "w") as archive:
        archive.writestr("src/main.py", "def run(event, context): return 'zipped'\n")
    code, output, _ = invoke(tmp_path / "my.plugin.zip", "--runtime", RUNTIME, "--handler", "src/main.run")
    assert code == 0
    assert output.startswith(f"my-plugin: {RUNTIME}, src/main.run, 1 file, 41 bytes; 3 s, 128 MB\n")
    assert '    "zipped"\n' in output


def test_a_file_holds_a_whole_event_or_a_body(made: Made, invoke: Invoke, tmp_path: Path) -> None:
    file = tmp_path / "event.json"
    file.write_text(json.dumps({"headers": {"HookType": "INTERCEPTOR_PRE"}, "body": '{"request": {"body": 1}}'}))
    code, output, _ = invoke(made(PASSES), "--event", file)
    assert (code, output.splitlines()[-1]) == (0, "  means   the call continues unchanged")

    file.write_text(json.dumps({"metadata": {"entityTypeName": "device", "actionName": "_start"}, "data": {}}))
    code, output, _ = invoke(made(ECHO), "--event", file, "--kind", "notification")
    assert (code, titles(output)) == (0, ["NOTIFICATION device _start"])
    sent = json.loads(got(output)["body"])
    assert sent["data"] == {}
    assert sent["jwt"] == "[secret]"


STEERS = "\x1b]52;c;ZXZpbA==\x07\x1b[2J\rgone \u202eabc\u2066 \x9b31m \x7f \u2028 \ud800"
SHOWN = "\\u001b]52;c;ZXZpbA==\\u0007\\u001b[2J\\rgone \\u202eabc\\u2066 \\u009b31m \\u007f \\u2028 \\ud800"


@pytest.mark.parametrize(
    ("statement", "line"),
    [
        ("print(words)", f"  log   | {SHOWN}"),
        ("raise ValueError(words)", "  failed  Handler.Raised: ValueError: "),
        (
            "return {'statusCode': 200, 'headers': {'x': words + '\\nfake'}, 'body': words}",
            f"  answers 200, x: {SHOWN}\\nfake",
        ),
        ("return words", None),
        ("return {words: words}", None),
    ],
)
def test_nothing_that_a_plugin_says_steers_the_terminal(
    made: Made, invoke: Invoke, statement: str, line: str | None
) -> None:
    folder = made(
        f"def handler(event, context):\n    words = {STEERS!a}\n    {statement}\n", displayName=f"A {STEERS[:-1]}"
    )
    _, output, problems = invoke(folder, "--event", "direct")
    assert problems == ""
    assert "u001b" in output
    assert not {c for c in output if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")} - {"\n"}
    assert line is None or any(found.startswith(line) for found in output.splitlines())


def test_words_that_are_joined_stay_joined(made: Made, invoke: Invoke) -> None:
    words = "\U0001f469\u200d\U0001f52c \u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 a\tb \u4f60\u597d"
    _, output, _ = invoke(made(f"def handler(event, context): print({words!a})\n"))
    assert f"  log   | {words}\n" in output


BINARY = "{'statusCode': 200, 'headers': {'content-type': 'image/png'}, 'isBase64Encoded': True, 'body': body}"


@pytest.mark.parametrize(
    ("answer", "described"),
    [
        (BINARY, "    (image/png, 68 bytes)\n"),
        (BINARY.replace("image/png", "application/zip"), "    (application/zip, 68 bytes)\n"),
        (
            "{'statusCode': 200, 'body': {'type': 'Buffer', 'data': [137, 80]}}",
            "    (2 bytes that JSON has made a list of",
        ),
        (
            "{'statusCode': 200, 'body': {'0': 137, '1': 80, '2': 0}}",
            "    (3 bytes that JSON has made a list of numbers:",
        ),
        ("'x' * 5000", f'    "{"x" * 1999} (3002 more characters)\n'),
    ],
)
def test_what_is_no_text_is_described(made: Made, invoke: Invoke, answer: str, described: str) -> None:
    body = "base64.b64encode(bytes([137]) + bytes(67)).decode()"
    code, output, _ = invoke(made(f"import base64\nbody = {body}\ndef handler(event, context): return {answer}\n"))
    assert code == 0
    assert described in output


def test_a_call_that_writes_into_its_code_folder_is_warned_of(made: Made, invoke: Invoke) -> None:
    code, output, _ = invoke(made("def handler(event, context): open('cache.json', 'w').close()\n"))
    assert code == 0
    assert "  warning the plugin writes into its code folder, which is read-only on Lambda" in output


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_a_file_may_have_a_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "event.json"
    file.write_bytes('{"word": "ä"}'.encode(encoding))
    assert read_text(file) == '{"word": "ä"}'


def test_files_of_an_event_and_of_variables_are_as_windows_writes_them(
    made: Made, invoke: Invoke, tmp_path: Path
) -> None:
    event, variables = tmp_path / "event.json", tmp_path / "variables"
    event.write_bytes('{"headers": {}, "word": "ä"}'.encode("utf-16"))
    variables.write_bytes("WORD=ö\r\n".encode("utf-8-sig"))
    code = "import os\ndef handler(event, context): print(event['word'], os.environ['WORD'])\n"
    code_, output, problems = invoke(made(code), "--event", event, "--env-file", variables)
    assert (code_, problems) == (0, "")
    assert "  log   | ä ö\n" in output


def test_data_that_a_shell_has_read_from_a_file_may_have_one_too(made: Made, invoke: Invoke) -> None:
    code, output, _ = invoke(made(ECHO), "--event", "direct", "--data", '\ufeff{"a": 1}')
    assert code == 0
    assert json.loads(got(output)["body"]) == {"a": 1}


def test_an_event_that_is_too_large_fails_each_call(made: Made, invoke: Invoke, tmp_path: Path) -> None:
    data = tmp_path / "data.json"
    data.write_text(json.dumps({"text": "x" * 6_300_000}))
    hooks = [{"type": "PRE_REQUEST", "apiId": f"{method}/device/v2/devices/{{id}}"} for method in ("PATCH", "PUT")]
    folder = made(PASSES, subscriptions={"interceptions": hooks}, memorySize=512)
    code, output, _ = invoke(folder, "--event", "pre", "--data", data)
    assert code == 1
    assert output.count("  failed  RequestTooLargeException: the event has ") == 2


FAILS = [
    ("raise ValueError('bad')", "Handler.Raised: ValueError: bad (index.py, line 3)"),
    ("while True: pass", "Sandbox.Timedout: Task timed out after 1.00 seconds: the handler did not answer within"),
    ("bytearray(150 << 20)", "Function.OutOfMemory: the plugin used "),
    ("return {1}", "Runtime.MarshalError: the handler's answer is not JSON"),
]


@pytest.mark.parametrize(("statement", "failure"), FAILS)
def test_a_plugin_that_fails_is_reported_with_its_last_lines(
    made: Made, invoke: Invoke, statement: str, failure: str
) -> None:
    # Only the endless loop needs a short time limit, and a busy machine needs a long one.
    limit = 1 if statement.startswith("while") else 60
    folder = made(f"def handler(event, context):\n    print('begun')\n    {statement}\n", timeout=limit)
    code, output, _ = invoke(folder)
    assert code == 1
    assert "  log   | begun\n" in output
    assert f"  failed  {failure}" in output


def test_code_that_cannot_be_loaded_is_reported_once(made: Made, invoke: Invoke) -> None:
    notifications = [
        {"entityTypeName": "patient", "actionName": action} for action in ("_create", "_update", "_delete")
    ]
    code, output, _ = invoke(made("1 / 0\n", subscriptions={"notifications": notifications}))
    assert code == 1
    assert output.count("ZeroDivisionError: division by zero (index.py, line 1)") == 1
    assert output.endswith("The code cannot be loaded: 2 more calls were not made.\n")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (
            ["--event", "notfication"],
            "is neither a kind (pre, post, adapt, notification, cron, direct) nor a JSON file",
        ),
        (["--event", "cron", "--data", "{}"], "--data does not go with --event cron"),
        (["--event", "pre", "--action", "_create"], "--action does not go with --event pre"),
        (["--event", "direct", "--entity", "patient"], "--entity does not go with --event direct"),
        (["--event", "pre", "--api-id", "patients"], "--api-id 'patients': it is a method and a path, for example"),
        (["--event", "notification", "--data", "[]"], "--data: it must be a JSON object, the entity of a call"),
        (["--event", "pre", "--data", "{"], "--data: the text is not JSON"),
        (["--event", "pre", "--data", "[NaN]"], "--data: the text is not JSON: there is NaN in it"),
        (["--event", "pre", "--data", "[" * 9000], "--data: the text is not JSON: maximum recursion depth exceeded"),
        (["--event", "{" + " " * 9000], "is neither a kind"),
        (["--event", "pre", "--data", "gone.json"], "--data: gone.json cannot be read (No such file or directory)"),
        (["--entity", "patient"], "--entity needs --event KIND: one of pre"),
        (["--env", "canary-value"], "--env: a variable is written KEY=VALUE"),
        (["--env-file", "gone"], "--env-file: gone cannot be read (No such file or directory)"),
    ],
)
def test_wrong_usage_is_one_line(made: Made, invoke: Invoke, arguments: list[str], problem: str) -> None:
    code, output, problems = invoke(made(ECHO), *arguments)
    assert (code, output) == (2, "")
    assert problems.count("\n") == 1
    assert problem in problems
    assert "canary" not in problems


def test_a_file_that_is_no_event_needs_its_kind(made: Made, invoke: Invoke, tmp_path: Path) -> None:
    file = tmp_path / "event.json"
    file.write_text('{"data": {}}')
    code, _, problems = invoke(made(ECHO), "--event", file)
    assert code == 2
    assert problems == (
        f"biot-provider: --event: {file} is no whole event: say with --kind which call it is the body of [BIOT-8060]\n"
    )


@pytest.mark.parametrize(
    ("manifest", "problems"),
    [
        ({"timeout": 0}, ["plugin.yaml: timeout: must be 1 to 900 (seconds), not 0"]),
        ({"tiemout": 1, "memorySize": 1}, ["tiemout: unknown key; did you mean 'timeout'?", "memorySize: must be 128"]),
        ({"handler": "main.handler"}, ["the handler 'main.handler' needs main.py or main/__init__.py"]),
        ({"runtime": None, "imageTag": "mine-1"}, ["a plugin with an imageTag runs as a container"]),
    ],
)
def test_a_mistake_in_the_plugin_is_reported_in_a_line_each(
    made: Made, invoke: Invoke, manifest: dict[str, Any], problems: list[str]
) -> None:
    code, output, printed = invoke(made(ECHO, **manifest))
    assert (code, output) == (1, "")
    lines = sorted(printed.splitlines(), key=lambda line: "memorySize" in line)
    assert len(lines) == len(problems)
    for line, problem in zip(lines, problems, strict=True):
        assert problem in line


def test_a_folder_without_a_plugin_yaml_needs_the_runtime(invoke: Invoke, tmp_path: Path) -> None:
    code, _, problems = invoke(tmp_path)
    assert code == 2
    assert problems.endswith("has no plugin.yaml, so say what runs it: --runtime python3.13, for example [BIOT-8060]\n")


def test_a_plugin_yaml_stands_for_no_folder(made: Made, invoke: Invoke) -> None:
    folder = made(ECHO)
    problem = f"{folder / 'plugin.yaml'} is the plugin's description: name its folder, {folder} [BIOT-8060]"
    assert invoke(folder / "plugin.yaml") == (2, "", f"biot-provider: {problem}\n")


def test_a_program_gets_an_object_for_each_call(made: Made, invoke: Invoke, sender: Sender) -> None:
    subscriptions = {"interceptions": [{"type": "PRE_REQUEST", "apiId": "POST/device/v2/devices"}]}
    code = "import json\ndef handler(event, context):\n    print(json.dumps(event))\n    return {'nothing': 1}\n"
    folder = made(code, subscriptions=subscriptions, cronSchedule="0 6 ? * MON-FRI *")

    code_, output, problems = invoke(folder, "--json")

    assert (code_, problems) == (1, "")
    first, second = (json.loads(line) for line in output.splitlines())
    assert (first["call"], second["call"]) == ("PRE_REQUEST POST/device/v2/devices", "SCHEDULE")
    assert (first["succeeded"], second["succeeded"]) == (False, True)
    assert "the answer has no request" in first["problems"][0]
    assert (first["status"], json.loads(first["body"])) == (200, {"nothing": 1})
    assert "hooktype" in first["log"][-1]
    assert all(secret not in output for secret in sender.secrets)


def test_a_folder_that_is_not_there_is_one_line(invoke: Invoke, tmp_path: Path) -> None:
    code, output, problems = invoke(tmp_path / "none", "--event", "pre")
    line = (
        f"biot-provider: {tmp_path / 'none'} does not exist: name a folder with a plugin.yaml, or a .zip [BIOT-8060]\n"
    )
    assert (code, output, problems) == (1, "", line)
