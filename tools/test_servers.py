"""The programs that the tests marked ``needs_builders`` run: a registry, builders, a Docker daemon, a reader of images,
a browser.

    python3 tools/test_servers.py --check      print which are missing and which tests need them; change nothing
    python3 tools/test_servers.py --install    install what is missing, by apt, for root or where sudo asks no password

``make test`` leaves these tests out, and ``make test-all`` installs and runs them. Standard library only.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys

BUILDERS = "tests/image/dockerfile/test_builders.py"
CODE = "tests/image/test_code.py"
IGNORE = "tests/image/dockerfile/test_ignore.py"
CONSOLE = "tests/emulator/console/test_browser.py"
ARCHIVE = "tests/image/dockerfile/test_archive.py"

PROGRAMS = {
    "docker-registry": ("docker-registry", [ARCHIVE, BUILDERS, CODE]),
    "buildah": ("buildah", [BUILDERS, CODE, IGNORE, "tests/engine/packages/test_image.py"]),
    "podman": ("podman", [BUILDERS]),
    "dockerd": ("docker.io", [BUILDERS, IGNORE]),
    "skopeo": ("skopeo", [BUILDERS, CODE, IGNORE, "tests/emulator/test_registry.py"]),
    "busybox": ("busybox-static", [BUILDERS]),
    # With Chromium, which it drives.
    "chromedriver": ("chromium-driver", [CONSOLE]),
}
"""Each program, its package in Debian and Ubuntu, and the tests that run it."""

# A user's PATH may lack the folders of daemons.
SEARCHED = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])


def main() -> int:
    """Check or install; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--check", action="store_true", help="print what is missing (the default)")
    action.add_argument("--install", action="store_true", help="install what is missing")
    return install() if parser.parse_args().install else check()


def check() -> int:
    """Print what is missing and which tests need it; return 0, as no test of `make test` needs it."""
    for program in missing():
        package, tests = PROGRAMS[program]
        report(f"test servers: no {program} (Debian's package {package}); tests that run it: {', '.join(tests)}")
    report("test servers: tests marked needs_builders run in `make test-all`, which installs what they run")
    return 0


def install() -> int:
    """Install what is missing; return the exit code."""
    absent = missing()
    if not absent:
        return 0
    packages = [PROGRAMS[program][0] for program in absent]
    if shutil.which("apt-get") is None:
        return _stop(f"{', '.join(absent)} must be installed (on Debian the packages {' '.join(packages)})")
    # Nothing is removed: the machine may have another vendor's Docker.
    command = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "--no-remove", *packages]
    by_hand = f"sudo apt-get update && sudo {' '.join(command)}"
    sudo = _sudo()
    if sudo is None:
        return _stop(f"{', '.join(absent)} missing, and only root may install them: run `{by_hand}`")
    report(f"installing what the tests run: {' '.join(packages)} ...")
    for step in (["apt-get", "update", "--quiet"], command):
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
            return _stop(f"`{' '.join(step)}` failed, see above; run `{by_hand}`")
    absent = missing()
    return _stop(f"installed, yet not found: {', '.join(absent)}") if absent else 0


def missing() -> list[str]:
    """Return the missing programs."""
    return [program for program in PROGRAMS if shutil.which(program, path=SEARCHED) is None]


def report(line: str) -> None:
    """Print a line on standard error."""
    sys.stderr.write(line + "\n")


def _sudo() -> list[str] | None:
    """Return the prefix that runs a command as root: nothing, or sudo without a password; None if neither works."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        return None
    password = subprocess.run(["sudo", "-n", "true"], stdin=subprocess.DEVNULL, capture_output=True, check=False)  # noqa: S607
    return ["sudo", "-n"] if password.returncode == 0 else None


def _stop(line: str) -> int:
    report(f"test servers: {line}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
