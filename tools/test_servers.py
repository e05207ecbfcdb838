"""Make sure of the programs that the tests of images run, Debian's own: `python3 tools/test_servers.py`.

A registry, builders, a Docker daemon and a tool to read images back. Where all are there it does nothing. Else apt
installs them, for root or where sudo asks no password; anywhere else one line says what to do. Standard library only.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

PACKAGES = {
    "docker-registry": "docker-registry",
    "buildah": "buildah",
    "podman": "podman",
    "dockerd": "docker.io",
    "skopeo": "skopeo",
    "busybox": "busybox-static",
}
"""Each program and the package of Debian and Ubuntu that has it."""

# A user's PATH may lack where daemons are.
SEARCHED = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])


def main() -> int:
    """Install what is missing; the exit code."""
    absent = missing()
    if not absent:
        return 0
    packages = [PACKAGES[program] for program in absent]
    if shutil.which("apt-get") is None:
        return _stop(f"{', '.join(absent)} must be installed (on Debian the packages {' '.join(packages)})")
    # Nothing is removed for it: a machine may have a Docker of another maker.
    install = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "--no-remove", *packages]
    command = f"sudo apt-get update && sudo {' '.join(install)}"
    sudo = _sudo()
    if sudo is None:
        return _stop(f"{', '.join(absent)} missing, and only root may install them: run `{command}`")
    say(f"installing what the tests of images run: {' '.join(packages)} ...")
    for step in (["apt-get", "update", "--quiet"], install):
        done = subprocess.run(  # noqa: S603
            [*sudo, *step],
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            sys.stderr.write(done.stdout[-2000:] + done.stderr)
            return _stop(f"`{' '.join(step)}` failed, see above; run `{command}`")
    absent = missing()
    return _stop(f"installed, yet not found: {', '.join(absent)}") if absent else 0


def missing() -> list[str]:
    """The programs that are not there."""
    return [program for program in PACKAGES if shutil.which(program, path=SEARCHED) is None]


def say(line: str) -> None:
    """Tell the user, on standard error."""
    sys.stderr.write(line + "\n")


def _sudo() -> list[str] | None:
    """What to put before a command of root's: nothing for root, sudo where it asks no password; else None."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        return None
    asks = subprocess.run(["sudo", "-n", "true"], stdin=subprocess.DEVNULL, capture_output=True, check=False)  # noqa: S607
    return ["sudo", "-n"] if asks.returncode == 0 else None


def _stop(line: str) -> int:
    say(f"test servers: {line}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
