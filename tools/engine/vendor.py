"""The vendor's own installer, through the SDK: the CLI as Pulumi releases it, language host included."""

import os
import sys
import urllib.request
from pathlib import Path

import cache
from processes import run
from progress import Progress
from unavailable import CommandError, UnavailableError

SITE = "https://get.pulumi.com/install.sh"
"""Where the SDK's installer begins."""

PROBE = 10.0
"""Seconds to find out whether that site can be reached at all."""

INSTALL = 600.0
"""Seconds for the download, some 150 MB."""


def install(progress: Progress) -> Path:
    """Install the CLI into the cache and return the folder of its commands.

    Raises:
        UnavailableError: the site cannot be reached, or the installation fails.
    """
    progress.stage("trying the vendor's installer")
    script = [sys.executable, str(Path(__file__).resolve())]
    with cache.work_folder() as work:
        made = work / "vendor"
        try:
            # In a separate process, since waiting for an unresponsive name server cannot be aborted from within.
            run([*script, "probe"], timeout=PROBE)
            progress.stage(f"downloading Pulumi {cache.VERSION} with the vendor's installer")
            run([*script, "install", str(made)], timeout=INSTALL)
        except CommandError as error:
            raise UnavailableError(error.reason) from error
        if missing := [name for name in cache.ENGINE.commands if not os.access(made / "bin" / name, os.X_OK)]:
            raise UnavailableError(f"it brought no {', '.join(missing)}")
        cache.publish(made, cache.vendor_folder())
    return cache.vendor_folder() / "bin"


def _probe() -> str:
    """Return why the site cannot be reached, an empty text if it can."""
    try:
        urllib.request.urlopen(urllib.request.Request(SITE, method="HEAD"), timeout=PROBE / 2).close()
    except OSError as error:
        return f"cannot reach {SITE}: {getattr(error, 'reason', error)}"
    return ""


def _install(folder: str) -> str:
    """Return why the installation failed, an empty text if it did not."""
    try:
        from pulumi.automation import PulumiCommand
        from semver import VersionInfo

        PulumiCommand.install(root=folder, version=VersionInfo.parse(cache.VERSION))
    except Exception as error:  # for any error, the next way is tried
        output = getattr(error, "output", b"") or b""
        return f"{error} {output.decode(errors='replace')}".strip().replace("\n", " ")
    return ""


if __name__ == "__main__":
    sys.exit((_probe() if sys.argv[1] == "probe" else _install(sys.argv[2])) or None)
