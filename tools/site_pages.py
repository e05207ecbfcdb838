"""The pages of the documentation site from outside of docs/: the README as first page, and other files of the root.

A hook of MkDocs (`mkdocs.yml`). The same files render in the repository, so links between the root and docs/ are
rewritten here, and names with a star in the navigation are replaced by the existing pages.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
ROOT_PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "CHANGELOG.md",
    "CONTRIBUTING.md": "CONTRIBUTING.md",
    "SECURITY.md": "SECURITY.md",
    "LICENSE": "LICENSE.txt",
}
"""Files of the root, with their names on the site."""

_WITHOUT_NAVIGATION = "---\nhide: [navigation]\n---\n"
"""The first page has no other pages in its section."""

_NOTE = re.compile(r"^ *<!--.*?-->\n", re.MULTILINE | re.DOTALL)
"""A comment for the tests of the pages, or for editors of a generated page."""

_CODE_IN_ROW = re.compile(r"`[^`\n]*\\\|[^`\n]*`")
"""Code that contains a bar, which must be escaped in GitHub's tables, but not in Python-Markdown's."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Replace names with a star by the existing pages."""
    config.nav = _expanded(config.nav or [], Path(config.docs_dir))
    return config


def _expanded(entries: list[Any], docs: Path) -> list[Any]:
    found: list[Any] = []
    for entry in entries:
        if isinstance(entry, dict):
            ((title, inside),) = entry.items()
            below = _expanded(inside if isinstance(inside, list) else [inside], docs)
            found += [{title: below if isinstance(inside, list) or len(below) > 1 else below[0]}] if below else []
        elif "*" in entry:
            found += sorted(file.relative_to(docs).as_posix() for file in docs.glob(entry))
        else:
            found.append(entry)
    return found


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files of the root."""
    for name, shown in ROOT_PAGES.items():
        text = (ROOT / name).read_text("utf-8")
        if shown.endswith(".md"):
            text = _links_from_root(text)
        if shown == "index.md":
            text = _WITHOUT_NAVIGATION + text
        files.append(File.generated(config, shown, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Return the page for the site: without comments, and with links to the root's files changed to their pages."""
    up = "../" * page.file.src_uri.count("/")
    for name, shown in ROOT_PAGES.items():
        markdown = markdown.replace(f"](../{up}{name}", f"]({up}{shown}")
    return _CODE_IN_ROW.sub(lambda code: code[0].replace(r"\|", "|"), _NOTE.sub("", markdown))


def _links_from_root(text: str) -> str:
    text = re.sub(r"\]\(docs/", "](", text)
    for name, shown in ROOT_PAGES.items():
        text = re.sub(rf"\]\({re.escape(name)}(?=[)#])", f"]({shown}", text)
    return text
