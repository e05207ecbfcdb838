"""`biot-provider completion`: the script by which a shell completes commands, options, files and stacks."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from biot_provider.cli.commands import Command

_DETAILS = """\
It goes into the file that your shell reads when it starts:

\b
  ~/.bashrc                   eval "$(biot-provider completion bash)"
  ~/.zshrc                    eval "$(biot-provider completion zsh)"
  ~/.config/fish/config.fish  biot-provider completion fish | source
"""


@click.command(
    "completion",
    cls=Command,
    help="Print the completion script of a shell.",
    details=_DETAILS,
    exit_codes={0: "the script is printed", 2: "wrong usage"},
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]), help="bash 4.4 or later, zsh, or fish")
def command(shell: str) -> int:
    """Print the script."""
    from biot_provider.cli import COMPLETION_VARIABLE, PROGRAM, program

    found = get_completion_class(shell)
    assert found is not None  # noqa: S101  (click has one for each choice)
    click.echo(found(program, {}, PROGRAM, COMPLETION_VARIABLE).source())
    return 0
