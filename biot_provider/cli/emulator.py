"""`biot-provider emulator`: the embedded platform as an HTTP server on the loopback interface.

While it serves it prints what the deployed functions write, and how each of their calls ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from biot_provider.cli.commands import FOLDER, Command
from biot_provider.cli.console import print_problem, print_result
from biot_provider.errors import coded

if TYPE_CHECKING:
    from types import FrameType

    from biot_provider.emulator import Platform

DEFAULT_PORT = 8000
DEFAULT_FOLDER = Path(".biot/emulator")
CONSOLE_FILE = "console.html"
"""In the data folder, for its owner alone: what leads a browser to the console, with the key."""

_SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")


class _Port(click.ParamType[int]):
    name = "port"

    def convert(self, value: object, param: click.Parameter | None, context: click.Context | None) -> int:
        text = str(value)
        if not text.isdecimal() or int(text) > 65535:
            self.fail(f"{text!r} is no port: a number from 0 to 65535", param, context)
        return int(text)


@click.command(
    "emulator",
    cls=Command,
    help="Serve the embedded platform on the loopback interface.",
    exit_codes={0: "after SIGTERM", 1: "it cannot serve", 2: "wrong usage", 130: "after Ctrl-C"},
)
@click.option("--port", type=_Port(), default=DEFAULT_PORT, show_default=True, help="the port; 0 takes a free one")
@click.option(
    "--data", type=FOLDER, default=DEFAULT_FOLDER, show_default=True, metavar="FOLDER", help="where its data is"
)
@click.option("--quiet", is_flag=True, help="do not print what the deployed functions write")
@click.option("--open", "opens", is_flag=True, help="open its console in the browser")
@click.option("--json", "as_json", is_flag=True, help="print a JSON object for each line, the address and keys first")
def command(port: int, data: Path, quiet: bool, opens: bool, as_json: bool) -> int:
    """Serve until Ctrl-C or a request to end."""
    # Imported here so that the other commands start without the server.
    from biot_provider.emulator.database import StoreError
    from biot_provider.emulator.http.server import HOST, serve

    before = signal.signal(signal.SIGTERM, _end)
    try:
        serve(data, port, partial(_ready, quiet=quiet, opens=opens, as_json=as_json))
    except KeyboardInterrupt:
        return 130
    except _Ended:
        return 0
    except OSError as error:
        what = f"the data in {data}" if error.filename else f"on {HOST}:{port}"
        print_problem(coded(f"cannot serve {what}: {error.strerror or error}", "BIOT-8040"))
        return 1
    except StoreError as error:
        print_problem(coded(str(error), "BIOT-1007"))
        return 1
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0


def _ready(base_url: str, platform: Platform, *, quiet: bool, opens: bool, as_json: bool) -> None:
    from biot_provider.emulator.http.guard import KEY_HEADER

    address = platform.console_key.address(base_url)
    if as_json:
        shown = {
            "baseUrl": base_url,
            "serviceId": platform.service_id,
            "serviceSecretKey": platform.service_secret_key,
            "controlKeyFile": str(platform.control_key_file),
            "console": address,
        }
        print_result(json.dumps(shown))
    else:
        print_result(f"The embedded platform serves {base_url}; Ctrl-C ends it.")
        print_result(
            f"export BIOT_BASE_URL={base_url} BIOT_SERVICE_ID={platform.service_id} "
            f"BIOT_SERVICE_SECRET_KEY={platform.service_secret_key}"
        )
        print_result(
            f"Its own routes, /_emulator/..., want the header {KEY_HEADER}: the key is in {platform.control_key_file}"
        )
        print_result(f"Its console is at {address}")
    if opens and _has_screen():
        file = platform.control_key_file.with_name(CONSOLE_FILE)
        write_leader(file, address)
        # In a thread, as some browsers are waited for.
        threading.Thread(target=_open, args=(file.resolve().as_uri(),), daemon=True).start()
    if not quiet:
        platform.logs.watch(_show_json if as_json else _show)


def _has_screen() -> bool:
    """Return whether a browser could open a window; one that runs in this very terminal would take it over."""
    return sys.platform in ("darwin", "win32") or any(os.environ.get(name) for name in _SCREENS)


def write_leader(file: Path, address: str) -> None:
    """Write a page, for its owner alone, that leads a browser to the console.

    The address with the key must not be an argument of the browser's: every account of the machine can read those.
    """
    from biot_provider.emulator.http.guard import write_private

    # The address is the emulator's own: it holds nothing that HTML would have to escape.
    write_private(file, f'<!doctype html><meta http-equiv="refresh" content="0; url={address}">\n')


def _open(address: str) -> None:
    import webbrowser

    with contextlib.suppress(webbrowser.Error, OSError):
        webbrowser.open(address)


def _show(source: str, kind: str, line: str) -> None:
    """Print a line that a plugin wrote behind a bar, and the platform's report of a call behind a colon."""
    # A closed pipe is no reason for a function's call to fail.
    with contextlib.suppress(OSError):
        print_result(f"{source} | {line}" if kind == "plugin" else f"{source}: {line}")


def _show_json(source: str, kind: str, line: str) -> None:
    with contextlib.suppress(OSError):
        print_result(json.dumps({"plugin": source, "kind": kind, "line": line}))


class _Ended(BaseException):
    """SIGTERM has arrived."""


def _end(_signal: int, _frame: FrameType | None) -> None:
    raise _Ended
