"""Without the extra `embedded`, and on Windows: who wants the embedded platform gets one line that says what to do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

LINE = "the embedded platform is not installed: pip install 'biot-provider[embedded]' [BIOT-1006]"
WINDOWS = "the embedded platform runs on Linux and macOS: on Windows use it in WSL [BIOT-1006]"
SCRIPT = """
import sys
from pathlib import Path

class Without:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {missing}:
            raise ModuleNotFoundError("No module named " + name, name=name)

sys.meta_path.insert(0, Without())

from biot_provider.api.embedded import open_embedded
from biot_provider.cli import main
from biot_provider.errors import ConfigError

try:
    open_embedded(Path("data"))
except ConfigError as error:
    print(error)
sys.stderr = sys.stdout
for arguments in (["emulator"], ["invoke", ".", "--runtime", "python3.13"], ["new", "guard"]):
    print(main(arguments))
"""


@pytest.mark.parametrize(
    ("missing", "line"),
    [(["jwt", "psutil", "werkzeug"], LINE), (["cryptography"], LINE), (["fcntl", "resource"], WINDOWS)],
)
def test_what_needs_it_says_so_in_one_line_and_the_rest_works(tmp_path: Path, missing: list[str], line: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(missing=missing)],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
    )
    connection, emulator, code, invoke, invoke_code, *new = done.stdout.splitlines()
    assert connection == f"BioT connection: {line}"
    assert (emulator.endswith(line), code) == (True, "1")
    assert (invoke.endswith(line), invoke_code) == (True, "1")
    assert new[-1] == "0"
    assert {path.name for path in tmp_path.iterdir()} == {"plugins"}
