"""Many creates at once: 64 plugins, each of which the platform takes a second for, at `--parallel 16`.

With 16 at once that is 4 s more than the same run without the delay; what is printed is the time as a part of both.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from biot_provider.emulator import Platform
from biot_provider.emulator.http.server import running

PLUGINS = 64
PARALLEL = 16
SECONDS = 1.0

PROGRAMS = {
    "native": f"""\
import pulumi

for number in range({PLUGINS}):
    pulumi.CustomResource("biot:index:Plugin", f"plugin-{{number}}", {{}})
""",
    "dynamic": f"""\
import biot_provider as biot

for number in range({PLUGINS}):
    biot.Plugin(f"plugin-{{number}}")
""",
}


def up(program: str, delay: float) -> float:
    """Seconds of an `up` that creates them all."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "state").mkdir()
        settings = {
            "name": "bench",
            "runtime": {"name": "python", "options": {"virtualenv": sys.prefix}},
            "plugins": {"providers": [{"name": "biot", "path": str(Path(sys.prefix, "bin"))}]},
        }
        (folder / "Pulumi.yaml").write_text(json.dumps(settings))
        (folder / "__main__.py").write_text(program)
        with Platform(folder / "platform") as platform, running(folder / "platform") as address:
            if delay:
                platform.faults.add(method="POST", path="/plugins$", when="before", latency=delay, times=None)
            environment = os.environ | {
                "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
                "PULUMI_CONFIG_PASSPHRASE": "",
                "PULUMI_SKIP_UPDATE_CHECK": "1",
                "BIOT_BASE_URL": address,
                "BIOT_SERVICE_ID": platform.service_id,
                "BIOT_SERVICE_SECRET_KEY": platform.service_secret_key,
            }
            _pulumi(folder, environment, "stack", "init", "dev")
            started = time.monotonic()
            _pulumi(folder, environment, "up", "--yes", "--skip-preview", "--parallel", str(PARALLEL))
            return time.monotonic() - started


def _pulumi(folder: Path, environment: dict[str, str], *words: str) -> None:
    command = ["pulumi", *words, "--non-interactive"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")


def main() -> None:
    """Measure each provider."""
    least = PLUGINS / PARALLEL * SECONDS
    for provider, program in PROGRAMS.items():
        without, took = up(program, 0.0), up(program, SECONDS)
        sys.stdout.write(
            f"{PLUGINS} creates of {SECONDS:.0f} s at --parallel {PARALLEL}, {provider}: {took:.1f} s,"
            f" {without:.1f} s without the delay: {took / (least + without):.2f} of {least:.0f} s and that"
            f" (load {os.getloadavg()[0]:.1f})\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main()
