"""What the commands have in common: their help names every exit code, and each is imported when it is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from click.core import augment_usage_errors

from biot_provider.cli.console import print_problem
from biot_provider.cli.errors import CommandError, WrongUsageError
from biot_provider.errors import BiotError


class _Place(click.Path):
    """A path that the command itself looks at; a shell completes what fits."""

    def convert(self, value: Any, _param: click.Parameter | None, _context: click.Context | None) -> Path:
        return Path(value)


FILE, FOLDER, FILE_OR_FOLDER = _Place(dir_okay=False), _Place(file_okay=False), _Place()


def complete_stack(_context: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Return the stacks of the project in this folder, for a shell that completes one."""
    from biot_provider.cli.project.project import find_project

    try:
        return [name for name in find_project(Path.cwd()).stack_names() if name.startswith(incomplete)]
    except CommandError:
        return []


class Group(click.Group):
    """The program. ``modules`` names each command's module, which has it as `command`."""

    def __init__(self, *args: Any, modules: Mapping[str, str], **options: Any) -> None:
        super().__init__(*args, **options)
        self._modules = modules

    def list_commands(self, _context: click.Context) -> list[str]:
        """Return the names of the commands, sorted."""
        return sorted(self._modules)

    def get_command(self, _context: click.Context, name: str) -> Command | None:
        """Import the command."""
        if name not in self._modules:
            return None
        found: Command = import_module(self._modules[name]).command
        return found

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command. Raises click.UsageError with the nearest name."""
        try:
            return super().resolve_command(context, args)
        except click.exceptions.NoSuchCommand as error:
            raise click.exceptions.NoSuchCommand(error.command_name, None, self._modules, context) from None


class Command(click.Command):
    """One command: what its help says below its options, its exit codes, and options that exclude each other.

    ``failure`` is the exit code after a BiotError, ``stopped`` what Ctrl-C prints.
    """

    def __init__(
        self,
        *args: Any,
        exit_codes: Mapping[int, str],
        details: str = "",
        exclusive: Sequence[str] = (),
        failure: int = 1,
        stopped: str = "stopped",
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self.exit_codes = exit_codes
        self.details = details
        self._exclusive = exclusive
        self._failure = failure
        self._stopped = stopped

    def invoke(self, context: click.Context) -> int:
        """Run the command and return its exit code; what stops it is printed."""
        try:
            return int(super().invoke(context))
        except BiotError as error:
            for line in str(error).splitlines():
                print_problem(line)
            return 2 if isinstance(error, WrongUsageError) else self._failure
        except KeyboardInterrupt:
            print_problem(self._stopped)
            return 130

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments. Raises click.UsageError, also where the value of an option is the next option."""
        if context.resilient_parsing:  # for a shell that completes what is not whole yet
            return super().parse_args(context, args)
        with augment_usage_errors(context):  # the parser alone does not say of which command
            _, _, order = self.make_parser(context).parse_args(list(args))
        names = dict.fromkeys(param.opts[0] for param in order if isinstance(param, click.Option))
        given = [repr(name) for name in names if name in self._exclusive]
        if len(given) > 1:
            raise click.UsageError(f"Options {' and '.join(given)} exclude each other.", context)
        rest = super().parse_args(context, args)
        options = [param for param in self.get_params(context) if isinstance(param, click.Option)]
        own = {name for option in options for name in option.opts}
        for option in options:
            value = context.params.get(option.name or "")
            if not option.is_flag and own & {str(one) for one in (value if isinstance(value, tuple) else (value,))}:
                raise click.BadOptionUsage(option.opts[0], f"Option {option.opts[0]!r} requires an argument.", context)
        return rest

    def format_epilog(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the details and the exit codes."""
        if self.details:
            formatter.write_paragraph()
            formatter.write_text(self.details)
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), meaning) for code, meaning in self.exit_codes.items()])
