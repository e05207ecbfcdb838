"""The pages as a whole: the order of the guides, the pictures, and a build that finds what is wrong."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools.generate.diagrams import diagrams
from tools.generate.svg import DARK, LIGHT, Colours

from .blocks import ROOT

GUIDES = ROOT / "docs" / "guides"
BEFORE = re.compile(r"^\*Before this: (.*)\*$", re.MULTILINE)


def in_order() -> list[str]:
    """The guides in the order of the navigation."""
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"]
    return [
        page.name
        for entry in _entries(nav)
        if entry.startswith("guides/")
        for page in sorted((ROOT / "docs").glob(entry))
    ]


def _entries(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    else:
        for entry in nav.values() if isinstance(nav, dict) else nav:
            yield from _entries(entry)


def test_each_guide_but_the_first_builds_on_earlier_ones_alone() -> None:
    guides = in_order()
    assert set(guides) == {page.name for page in GUIDES.glob("*.md")}
    for number, name in enumerate(guides[2:], 2):
        stated = BEFORE.search((GUIDES / name).read_text("utf-8"))
        assert stated, f"{name} does not say what it builds on"
        needed = re.findall(r"\]\(([\w-]+\.md)", stated[1])
        assert set(needed) <= set(guides[:number]), name


def test_the_first_page_of_the_guides_has_all_in_their_order() -> None:
    _, *guides = in_order()
    text = (GUIDES / "index.md").read_text("utf-8")
    assert re.findall(r"\]\(([\w-]+\.md)\)", text) == guides


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_the_texts_of_pictures_stand_out(colours: Colours) -> None:
    """A contrast of 7 to 1, for the smallest text there is (WCAG 2.2, 1.4.6); 3 to 1 for edges (1.4.11)."""
    page = colours["page"][0]
    for kind, (fill, edge, text) in colours.items():
        assert _contrast(fill, text) >= 7, kind
        assert kind == "page" or _contrast(page, edge) >= 3, kind


def _contrast(one: str, other: str) -> float:
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_each_picture_is_used_with_words_for_who_does_not_see_it() -> None:
    text = "\n".join(page.read_text("utf-8") for page in (ROOT / "docs").rglob("*.md"))
    for name in diagrams():
        (said,) = re.findall(rf"!\[([^\]]*)\]\(\.\./images/{name}\)", text)
        assert len(said) > 60


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in ("docs", "tools"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "engine"))
    for name in ("mkdocs.yml", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def build(folder: Path) -> tuple[int, str]:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict"]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_the_build_is_strict(copy: Path) -> None:
    """One of each, all found by one build."""
    page = copy / "docs" / "concepts" / "index.md"
    page.write_text("# Wrong\n[a](nothing.md) [b](plugins.md#nothing) [c](/plugins.md) [d](plugins/)\n", "utf-8")
    (copy / "docs" / "forgotten.md").write_text("# Forgotten\n", "utf-8")
    code, said = build(copy)
    assert code == 1
    for wrong in ("nothing.md", "#nothing", "/plugins.md", "plugins/", "forgotten.md"):
        assert f"'{wrong}'" in said or f"- {wrong}" in said, said
    assert said.count("WARNING") == 5


def test_pages_that_arrive_have_their_place(copy: Path) -> None:
    (copy / "docs" / "decisions" / "0009-one.md").write_text("# Arrived\n", "utf-8")
    code, said = build(copy)
    assert (code, said.count("WARNING")) == (0, 0), said
    assert "0009-one.html" in (copy / "site" / "explanation" / "index.html").read_text("utf-8")


def test_the_picture_of_the_rooms_and_its_page_have_every_folder_of_the_package() -> None:
    page = (ROOT / "docs" / "concepts" / "architecture.md").read_text("utf-8")
    for folder in (ROOT / "biot_provider").iterdir():
        if any(folder.rglob("*.py")):
            assert f"{folder.name}/" in diagrams()["rooms.svg"]
            assert f"{folder.name}/`" in page
