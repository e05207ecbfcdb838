"""Finds files that may hold secrets in a build context whose Dockerfile copies the folder that they lie in.

A file that the Dockerfile copies by its own name is meant to be there, and so is one that a line of the ignore file
names with a `!`.
"""

from __future__ import annotations

import json
import posixpath
import re
from typing import TYPE_CHECKING

from biot_provider.image.dockerfile.context import BuildContext, ignore_rules, reading
from biot_provider.image.dockerfile.dockerignore import DOCKERIGNORE
from biot_provider.package.secret_files import secret_files, secret_files_sentence

if TYPE_CHECKING:
    from collections.abc import Iterator

_FROM = re.compile(r"(?im)^[ \t]*FROM[ \t]+(?:--\S+[ \t]+)*(?P<base>\S+)(?:[ \t]+AS[ \t]+(?P<name>\S+))?")
_COPY = re.compile(r"(?im)^[ \t]*(?:COPY|ADD)[ \t]+(?P<options>(?:--\S+[ \t]+)*)(?P<places>.+)$")
_EVERYTHING = (".", "*")


def copied_secrets_warning(context: BuildContext, target: str | None) -> str | None:
    """Return the sentence about files that would be in the image and may hold secrets; None if there are none.

    Raises ImageError if a file cannot be read.
    """
    with reading(context.dockerfile):
        text = context.dockerfile.read_text("utf-8", "replace")
    folders = set(_copied_folders(text, target))
    rules = ignore_rules(context.folder, context.dockerfile)
    files = [
        (entry.path, entry.size)
        for entry in context.entries
        if entry.kind == "file" and any(_is_below(entry.path, folder) for folder in folders)
    ]
    names = [name for name in secret_files(files, lambda path: _content(context, path)) if not rules.names(name)]
    return secret_files_sentence(
        names,
        "the Dockerfile copies a folder that has",
        f"name in {DOCKERIGNORE} what is not to be in the image, with a ! before it what is",
    )


def _copied_folders(text: str, target: str | None) -> Iterator[str]:
    """Yield what the stage of an image, and the stages that it is based on, copy from the context."""
    text = re.sub(r"\\[ \t]*\r?\n", " ", text)
    starts = list(_FROM.finditer(text))
    ends = [start.start() for start in starts[1:]] + [len(text)]
    stages = {
        (start["name"] or str(number)).lower(): (start["base"].lower(), text[start.end() : end])
        for number, (start, end) in enumerate(zip(starts, ends, strict=False))
    }
    stage = (target or next(reversed(stages), "")).lower()
    while stage in stages:
        stage, instructions = stages.pop(stage)
        for copy in _COPY.finditer(instructions):
            if "--from=" not in copy["options"].lower():
                sources = _words(copy["places"])[:-1]
                yield from (posixpath.normpath(source).lstrip("/") or "." for source in sources)


def _words(places: str) -> list[str]:
    """Return the sources and the destination; places with blanks are written as a list in JSON."""
    try:
        listed = json.loads(places) if places.startswith("[") else None
    except (ValueError, RecursionError):
        listed = None
    return [str(word) for word in listed] if isinstance(listed, list) else places.split()


def _is_below(path: str, folder: str) -> bool:
    return folder in _EVERYTHING or path.startswith(f"{folder.removesuffix('/*')}/")


def _content(context: BuildContext, path: str) -> bytes:
    with reading(context.folder / path):
        return (context.folder / path).read_bytes()
