"""The command line: `biot-provider <command>`."""

from __future__ import annotations

import errno
import io
import os
import stat
import sys
from typing import TYPE_CHECKING

import click
from click.exceptions import Exit, NoArgsIsHelpError
from click.shell_completion import shell_complete

from biot_provider._version import __version__
from biot_provider.cli.commands import Group
from biot_provider.cli.console import color, print_problem
from biot_provider.errors import coded

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAM = "biot-provider"
COMPLETION_VARIABLE = "_BIOT_PROVIDER_COMPLETE"

_MODULES = {
    "cache": "cache",
    "compare": "compare.command",
    "completion": "completion",
    "doctor": "doctor.command",
    "emulator": "emulator",
    "explain": "explain",
    "export": "takeover.exporting.command",
    "graph": "graph.command",
    "import": "takeover.importing.command",
    "init": "init",
    "invoke": "invoke.command",
    "new": "new",
}


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What the system says of a disk that takes no more."""


@click.group(
    cls=Group,
    modules={name: f"{__name__}.{module}" for name, module in _MODULES.items()},
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name=PROGRAM, message="%(prog)s %(version)s")
def program() -> None:
    """BioT plugins as Pulumi resources."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Raises SystemExit where no command is run: 0 after --help and --version, 2 after wrong usage.
    """
    _open_what_is_closed()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # what a terminal cannot show is no reason to stop
    if instruction := os.environ.get(COMPLETION_VARIABLE):
        sys.exit(shell_complete(program, {}, PROGRAM, COMPLETION_VARIABLE, instruction))
    try:
        arguments = list(sys.argv[1:] if argv is None else argv)
        with program.make_context(PROGRAM, arguments, color=color()) as context:
            return int(program.invoke(context))
    except Exit as end:
        sys.exit(end.exit_code)
    except NoArgsIsHelpError as help_:
        help_.show()
        sys.exit(2)
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else PROGRAM
        print_problem(f"{error.format_message()}\nTry '{where} --help' for help.")
        sys.exit(2)
    except OSError as error:
        return _end_without_output(error)
    except ModuleNotFoundError as missing:
        if missing.name != "biot_provider.emulator":
            raise
        # The embedded platform is an extra, which is imported by the commands that need it.
        print_problem(coded(str(missing), "BIOT-1006"))
        return 1


def _open_what_is_closed() -> None:
    """Let standard streams that the caller has closed lead nowhere: a file of ours must not get their number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115  (until the process ends)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115


def _end_without_output(error: OSError) -> int:
    """Return the exit code where the reader has closed the pipe, or the disk is full. Raises any other error."""
    is_closed = isinstance(error, BrokenPipeError)
    if not is_closed and (error.errno not in _FULL or error.filename is not None):
        raise error
    output = sys.stdout.fileno()
    is_file = not (os.isatty(output) or stat.S_ISFIFO(os.fstat(output).st_mode))  # what else can be full?
    # Python would write what is left once more at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), output)
    if not is_closed:
        what = "the output" if is_file else "a temporary file"
        print_problem(coded(f"{what} cannot be written ({error.strerror})", "BIOT-8003"))
    return 1
