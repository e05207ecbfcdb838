"""The user's cache folder of this package; everything in it can be deleted and is then created again."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from biot_provider.errors import PackagingError

FOLDER_VARIABLE = "BIOT_CACHE_DIR"
"""The environment variable that names another cache folder."""


def cache_folder(environment: Mapping[str, str] | None = None) -> Path:
    """Return the folder, which may not exist yet. Raises PackagingError for an account without a home."""
    given = os.environ if environment is None else environment
    try:
        if named := given.get(FOLDER_VARIABLE):
            return Path(named).expanduser().absolute()
        return _user_folder(given) / "biot-provider" / "packages"
    except RuntimeError:
        raise PackagingError(
            "this account has no home folder", "BIOT-3120", advice=f"name a folder in {FOLDER_VARIABLE}"
        ) from None


def is_own(status: os.stat_result) -> bool:
    """Return whether only this user can have written a file; files of others in a shared folder are not trusted."""
    return os.name != "posix" or (status.st_uid == os.geteuid() and not status.st_mode & 0o022)


def _user_folder(given: Mapping[str, str]) -> Path:
    if named := given.get("XDG_CACHE_HOME"):
        return Path(named).expanduser().absolute()
    if sys.platform == "win32" and (local := given.get("LOCALAPPDATA")):
        return Path(local)
    return Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")
