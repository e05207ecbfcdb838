"""A real Chromium without a window, driven over WebDriver: plain HTTP, so that it needs no library of its own."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from biot_provider.emulator.http.server import Background

if TYPE_CHECKING:
    from collections.abc import Iterator

    from biot_provider.emulator import Platform

ARGUMENTS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,900"]
SECONDS = 120.0


class Browser:
    """One browser with one profile."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http
        options = {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": ARGUMENTS},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
            # A dialog that a script opens stays, and fails the next command.
            "unhandledPromptBehavior": "ignore",
        }
        created = self._http.post("/session", json={"capabilities": {"alwaysMatch": options}}).json()["value"]
        self._session = f"/session/{created['sessionId']}"

    def command(self, path: str, **parameters: Any) -> Any:
        answer = self._http.post(f"{self._session}/{path}", json=parameters)
        value = answer.json()["value"]
        assert answer.status_code == 200, value
        return value

    def open(self, address: str) -> None:
        self.command("url", url=address)

    @property
    def address(self) -> str:
        return str(self._http.get(f"{self._session}/url").json()["value"])

    def run(self, script: str, *arguments: Any) -> Any:
        """What the body of a function returns in the page."""
        return self.command("execute/sync", script=script, args=list(arguments))

    def text(self, selector: str = "body") -> str:
        """What a reader sees of an element."""
        return str(self.run("return document.querySelector(arguments[0])?.innerText ?? ''", selector))

    def shows(self, text: str, selector: str = "body") -> None:
        """Wait for a text to be seen."""
        self.until(lambda: text in self.text(selector), lambda: f"no {text!r} in {self.text(selector)!r}")

    def until(self, holds: Any, problem: Any) -> None:
        deadline = time.monotonic() + SECONDS
        while not holds():
            assert time.monotonic() < deadline, problem()
            time.sleep(0.05)

    def click(self, text: str, within: str = "body") -> None:
        """Click the first button, or head of details, that shows a text."""
        script = """
            const all = [...document.querySelectorAll(`${arguments[1]} :is(button, summary)`)];
            all.find((one) => one.innerText.includes(arguments[0])).click();"""
        self.run(script, text, within)

    def press(self, *keys: str) -> None:
        """Press keys on what has the focus."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self.command("actions", actions=[{"type": "key", "id": "keyboard", "actions": actions}])

    def reports(self) -> list[str]:
        """What the browser has reported since the last time: errors, violations of the page's policy."""
        return [entry["message"] for entry in self.command("se/log", type="browser")]

    def requested(self) -> str:
        """The data sent and received since the last call, as text."""
        return "\n".join(entry["message"] for entry in self.command("se/log", type="performance"))

    def close(self) -> None:
        self._http.delete(self._session)


@pytest.fixture(scope="session")
def driver() -> Iterator[httpx.Client]:
    program = shutil.which("chromedriver")
    assert program, "no chromedriver: `make test-builders` installs it"
    with subprocess.Popen([program, "--port=0"], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            ports = (re.search(r"on port (\d+)\.", line) for line in process.stdout)
            port = next(match[1] for match in ports if match)
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False, verify=False) as http:
                yield http
        finally:
            process.terminate()


@pytest.fixture
def browser(driver: httpx.Client) -> Iterator[Browser]:
    browser = Browser(driver)
    yield browser
    browser.close()


@pytest.fixture
def base_url(platform: Platform) -> Iterator[str]:
    """The platform itself, served: each one has its own key of the console."""
    with Background(platform.app, 0) as server:
        platform.set_served_host(server.host)
        yield server.base_url


@pytest.fixture
def console(browser: Browser, platform: Platform, base_url: str) -> Browser:
    """The console of the platform, open."""
    browser.open(platform.console_key.address(base_url))
    browser.shows("live from")
    return browser
