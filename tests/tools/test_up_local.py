"""What `make up` ends with: a call of the deployed example plugin, and its answer."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import yaml

from biot_provider.emulator import Platform

PROJECT = Path(__file__).parent.parent.parent
PLUGIN = PROJECT / "plugins" / "vitals-guard"


def zipped(files: dict[str, str]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


def deploy(folder: Path, code: bytes) -> None:
    """Put the plugin onto the platform of a folder, as the stack `local` does, but for its code."""
    config = yaml.safe_load((PLUGIN / "plugin.yaml").read_text())
    runtime = f"python3.{sys.version_info.minor}"
    with Platform(folder) as platform:
        config |= {"name": "vitals-guard", "version": 1, "runtime": runtime}
        platform.plugins.create(config, code, "http://embedded.invalid")


def tried(folder: Path) -> tuple[int, str, str]:
    result = subprocess.run(
        [sys.executable, str(PROJECT / "tools" / "try_local.py"), str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    return result.returncode, result.stdout, result.stderr


def test_the_call_and_the_answer_are_shown_each_time(tmp_path: Path) -> None:
    deploy(tmp_path, zipped({path.name: path.read_text() for path in PLUGIN.glob("*.py")}))
    for _ in range(2):
        code, output, problems = tried(tmp_path)
        assert (code, problems) == (0, "")
        lines = output.splitlines()
        assert re.fullmatch(r"Trying vitals-guard, .* http://127\.0\.0\.1:\d+ for the moment:", lines[0])
        assert re.fullmatch(r'  PATCH /organization/v1/users/patients/\S+ {"heart_rate": 900}', lines[1])
        assert lines[2] == (
            "  -> 400 VITAL_SIGN_OUT_OF_RANGE: Vital signs out of range: heart_rate: 900 is not within 20..250"
        )
        assert lines[3:] == [lines[1].replace(": 900}", ": 72}"), "  -> 200 heart_rate: 72"]


def test_a_plugin_that_does_not_guard_is_one_line(tmp_path: Path) -> None:
    deploy(tmp_path, zipped({"index.py": "import json\ndef handler(e, c): return json.loads(e['body'])\n"}))
    code, _, problems = tried(tmp_path)
    assert code == 1
    assert re.fullmatch(
        r"make up: vitals-guard is deployed, but does not answer as it should: PATCH \S+ is answered 200, not 400\n",
        problems,
    )


def test_a_plugin_that_fails_is_one_line_that_says_why(tmp_path: Path) -> None:
    deploy(tmp_path, zipped({"index.py": "def handler(e, c): raise ValueError('canary \\x1b[2J')\n"}))
    code, _, problems = tried(tmp_path)
    assert code == 1
    assert problems.count("\n") == 1
    assert "Interceptor [vitals-guard] failed: " in problems
    assert r"canary \u001b[2J" in problems


def test_without_the_plugin_there_is_nothing_to_try(tmp_path: Path) -> None:
    assert tried(tmp_path) == (0, "vitals-guard is not deployed: nothing to try.\n", "")


def test_data_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.write_text("")
    code, output, problems = tried(file)
    assert (code, output) == (1, "")
    assert problems.count("\n") == 1
