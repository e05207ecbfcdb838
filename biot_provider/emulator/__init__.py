"""The embedded platform: BioT's plugin API on this machine, with the same rules and its state in one SQLite file.

It shares no code with the client, so that two independent implementations of one contract check each other.

    platform = Platform(Path(".biot/dev"))
    platform.app                                            # the WSGI application
    platform.service_id, platform.service_secret_key        # a service user that may do everything

`http.server.serve` and `http.server.running` serve it on a port of the loopback interface. It needs the packages of the
extra `embedded`: without them, and on Windows, importing it raises a ModuleNotFoundError that says what to do.
"""

from importlib.util import find_spec


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ImportError:
        return False


if not _is_installed("fcntl"):
    message = "the embedded platform runs on Linux and macOS: on Windows use it in WSL"
    raise ModuleNotFoundError(message, name=__name__)
if not all(_is_installed(name) for name in ("cryptography", "jwt", "psutil", "werkzeug")):
    message = "the embedded platform is not installed: pip install 'biot-provider[embedded]'"
    raise ModuleNotFoundError(message, name=__name__)

from biot_provider.emulator.platform import Platform  # noqa: E402  (it needs those packages)
from biot_provider.emulator.testing.faults import ConnectionCut  # noqa: E402

__all__ = ["ConnectionCut", "Platform"]
