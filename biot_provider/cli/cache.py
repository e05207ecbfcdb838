"""`biot-provider cache`: where built packages are kept, how much there is, and how to be rid of it."""

from __future__ import annotations

import json

import click

from biot_provider.cli.commands import Command
from biot_provider.cli.console import counted, print_result
from biot_provider.errors import shown_size


@click.command(
    "cache",
    cls=Command,
    help="Show or clear the cache of built packages.",
    exit_codes={0: "the cache is shown or cleared", 1: "it cannot be read or cleared", 2: "wrong usage"},
)
@click.argument("action", type=click.Choice(["show", "clear"]), default="show", help="show (default) or clear")
@click.option("--json", "as_json", is_flag=True, help="print one JSON object")
def command(action: str, as_json: bool) -> int:
    """Show or clear the cache."""
    from biot_provider.recipe.cache import MAX_BYTES, user_cache

    cache = user_cache()
    entries = cache.clear() if action == "clear" else cache.entries()
    size = sum(entry.size for entry in entries)
    files = f"{counted(len(entries), 'file')}, {shown_size(size)}"
    if as_json:
        shown = {"folder": str(cache.folder), "files": len(entries), "bytes": size, "cleared": action == "clear"}
        print_result(json.dumps(shown))
    elif action == "clear":
        print_result(f"{cache.folder}: {files} cleared; the next build makes what it needs")
    else:
        print_result(f"{cache.folder}: {files} of at most {shown_size(MAX_BYTES)}")
    return 0
