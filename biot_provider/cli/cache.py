"""`biot-provider cache`: where built packages are kept, how much there is, and how to be rid of it."""

from __future__ import annotations

import argparse

from .console import counted, print_problem, print_result


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser("cache", help="show or clear the cache of built packages")
    parser.add_argument("action", nargs="?", choices=("show", "clear"), default="show", help="(default %(default)s)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Show or clear the cache; the exit code is 1 where that fails."""
    from biot_provider.errors import PackagingError
    from biot_provider.package.package import megabytes
    from biot_provider.recipe.cache import MAX_BYTES, user_cache

    try:
        cache = user_cache()
        entries = cache.clear() if arguments.action == "clear" else cache.entries()
    except (PackagingError, OSError) as error:
        print_problem(str(error))
        return 1
    size = megabytes(sum(entry.size for entry in entries))
    files = f"{counted(len(entries), 'file')}, {size}"
    if arguments.action == "clear":
        print_result(f"{cache.folder}: {files} cleared; the next build makes what it needs")
    else:
        print_result(f"{cache.folder}: {files} of at most {megabytes(MAX_BYTES)}")
    return 0
