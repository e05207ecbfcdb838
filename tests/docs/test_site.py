"""The built site in a real browser: whole without any other server, on a desk and on a telephone, light and dark."""

from __future__ import annotations

import functools
import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ..emulator.console.conftest import Browser, browser, driver
from .blocks import ROOT

__all__ = ["browser", "driver"]

pytestmark = pytest.mark.needs_builders

LOADED = "return [...document.images].every((one) => one.complete && one.naturalWidth > 0)"
DESK, TELEPHONE = (1280, 900), (390, 844)
FITS = """
    const wrong = [];
    for (const text of document.querySelectorAll("svg text")) {
        const end = text.getBBox().x + text.getComputedTextLength(), y = text.getBBox().y;
        const boxes = [...document.querySelectorAll("svg rect")].map((one) => one.getBBox());
        const inside = boxes.filter((one) => text.getBBox().x > one.x && end < one.x + one.width
            && y >= one.y && y + text.getBBox().height <= one.y + one.height);
        const beside = boxes.filter((one) => text.getBBox().x < one.x && y + 4 > one.y && y < one.y + one.height);
        const crossed = beside.filter((one) => end > one.x);
        if (!inside.length || crossed.length) wrong.push(text.textContent);
    }
    return wrong;
"""
"""The texts of a picture that reach out of their boxes, or into others."""


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the site, built and served."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    built = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True
    )
    assert built.returncode == 0, built.stderr
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def shown_as(browser: Browser, size: tuple[int, int], scheme: str) -> None:
    width, height = size
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == TELEPHONE}
    browser.command("goog/cdp/execute", cmd="Emulation.setDeviceMetricsOverride", params=metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.command("goog/cdp/execute", cmd="Emulation.setEmulatedMedia", params={"features": features})


def addresses(browser: Browser) -> set[str]:
    """Where the browser has sent requests to since the last time."""
    entries = [json.loads(line)["message"] for line in browser.requested().splitlines()]
    sent = [entry["params"]["request"]["url"] for entry in entries if entry["method"] == "Network.requestWillBeSent"]
    return {url.split("/")[2] if "//" in url else url for url in sent if not url.startswith("data:")}


def pages(site: str) -> list[str]:
    names = ["index.html", "guides/index.html", "guides/stacks.html", "reference/plugin.html", "explanation/index.html"]
    return [
        f"{site}/{name}"
        for name in [*names, *(f"concepts/{page.stem}.html" for page in (ROOT / "docs/concepts").glob("*.md"))]
    ]


@pytest.mark.parametrize("size", [DESK, TELEPHONE], ids=["desk", "telephone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_is_whole_without_another_server(
    browser: Browser, site: str, size: tuple[int, int], scheme: str
) -> None:
    shown_as(browser, size, scheme)
    for page in pages(site):
        browser.open(page)
        browser.until(lambda: browser.run(LOADED), lambda page=page: f"a picture of {page} is missing")
        assert browser.run("return document.body.dataset.mdColorScheme") == ("slate" if scheme == "dark" else "default")
        assert browser.run("return document.documentElement.scrollWidth") <= size[0], f"{page} is wider than the screen"
    assert addresses(browser) == {site.removeprefix("http://")}
    assert browser.reports() == []


def test_code_in_a_table_is_shown_as_it_is(browser: Browser, site: str) -> None:
    browser.open(f"{site}/reference/functions.html")
    assert "str | os.PathLike[str]" in browser.text("article")


def test_the_search_finds_a_word(browser: Browser, site: str) -> None:
    shown_as(browser, DESK, "light")
    browser.open(f"{site}/index.html")
    browser.run("const one = document.querySelector('.md-search__input'); one.focus(); one.click()")
    browser.press(*"drift")
    browser.shows("Declarations, state and drift", ".md-search__output")
    assert addresses(browser) == {site.removeprefix("http://")}


@pytest.mark.parametrize("name", ["call", "declaration", "ownership", "rooms"])
def test_the_texts_of_a_picture_fit(browser: Browser, site: str, name: str) -> None:
    browser.open(f"{site}/images/{name}.svg")
    assert browser.run("return document.querySelectorAll('svg text').length") > 5
    assert browser.run(FITS) == []


def test_a_picture_follows_the_readers_choice(browser: Browser, site: str) -> None:
    """Of the page, where it is another than that of the system."""
    shown_as(browser, DESK, "light")
    browser.open(f"{site}/concepts/ownership.html")
    for _ in range(2):
        browser.run("document.querySelector('.md-header__option label:not([hidden])').click()")
    browser.until(
        lambda: browser.run("return document.body.dataset.mdColorScheme") == "slate", lambda: "it stays light"
    )
    assert browser.run("return getComputedStyle(document.querySelector('article img')).colorScheme") == "dark"
