"""The whole of Pabal, as ``make run`` starts it, in a folder of its own; and a real Chromium."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent.parent
SHOTS = ROOT / "var" / "screenshots"
WIDTHS = {1440: 1000, 375: 812}  # pixels: width and height of a desk's screen and of a telephone
STAY_OUT = {"DATABASE_URL", "REDIS_URL", "S3_ENDPOINT_URL", "EMAIL_URL", "PUBLIC_URL", "DJANGO_SETTINGS_MODULE"}
expect.set_options(timeout=30_000)  # milliseconds; what comes at once is seen at once
PERSON = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"


@dataclass(frozen=True)
class Stack:
    address: str
    email: str
    password: str
    folder: Path


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("e2e")
    environment = {name: value for name, value in os.environ.items() if name not in STAY_OUT}
    beside = 100 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])  # two that look at once find the same port free
    ports = {"PORT": str(8700 + beside), "MAILBOX_PORT": str(2700 + beside)}
    environment |= {"PABAL_VAR": str(folder), "SEND_LEASE_SECONDS": "3", **ports}
    command = [sys.executable, "-m", "console.embedded.supervisor"]
    with (folder / "out.txt").open("w+") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            yield _started(process, folder)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
    left = subprocess.run(["pgrep", "-f", str(folder)], capture_output=True, text=True).stdout.split()
    assert not left, f"processes are left over: {left}"


def _started(process: subprocess.Popen[bytes], folder: Path) -> Stack:
    deadline = time.monotonic() + 240  # seconds; a quiet machine takes twenty
    while time.monotonic() < deadline and process.poll() is None:
        said = (folder / "out.txt").read_text()
        found = re.search(r"Address: (\S+)\nLogin:   (\S+) / (\S+)", said)
        if found:
            return Stack(found[1], found[2], found[3], folder)
        time.sleep(0.2)
    raise AssertionError((folder / "out.txt").read_text())


@pytest.fixture(autouse=True)
def _no_request_outlives_its_test(request: pytest.FixtureRequest) -> Iterator[None]:
    """A page that is closed leaves its last requests running: the tables are emptied when those have ended."""
    if "live_server" not in request.fixturenames:
        yield
        return
    request.getfixturevalue("transactional_db")  # set up before this fixture, so torn down after it
    change = threading.Condition()
    running: set[int] = set()  # by thread: a response may be closed twice

    def begin(sender: type, **_: Any) -> None:
        if issubclass(sender, WSGIHandler):  # the live server; a test's client is another handler
            with change:
                running.add(threading.get_ident())

    def end(**_: Any) -> None:
        with change:
            running.discard(threading.get_ident())
            change.notify_all()

    request_started.connect(begin)
    request_finished.connect(end)
    yield
    with change:
        assert change.wait_for(lambda: not running, timeout=30), f"{len(running)} requests of the test are still running"
    request_started.disconnect(begin)
    request_finished.disconnect(end)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    flags = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=path, args=flags)
        yield made
        made.close()


@pytest.fixture
def page(browser: Browser, stack: Stack) -> Iterator[Page]:
    """A page that fails the test for any error or broken policy on it."""
    with watched_page(browser, stack.address) as made:
        yield made


@contextlib.contextmanager
def watched_page(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(locale="ko-KR", user_agent=PERSON, viewport={"width": 1440, "height": 1000}, base_url=address)
    made = context.new_page()
    faults: list[str] = []
    made.on("pageerror", lambda error: faults.append(str(error)))
    made.on("console", lambda message: faults.append(message.text) if "Content Security Policy" in message.text else None)
    made.set_default_timeout(60_000)  # milliseconds; a busy machine takes its time over a long page
    yield made
    context.close()
    assert faults == []


def shoot(page: Page, path: str, name: str, *, is_kept: bool = True) -> None:
    """The page in both languages, wide and narrow; it must never be wider than the screen. ``is_kept``: as pictures, too."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    for language in ("en", "ko"):
        speak(page, language)
        page.goto(path)
        for width, height in WIDTHS.items():
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_load_state("networkidle" if is_kept else "load")
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{name} is wider than {width} px"
            if is_kept:
                page.screenshot(path=SHOTS / f"{name}-{language}-{width}.png", full_page=True)


def speak(page: Page, language: str) -> None:
    page.context.add_cookies([{"name": "pabal_language", "value": language, "url": origin(page)}])


def origin(page: Page) -> str:
    parts = urlsplit(page.url)
    return f"{parts.scheme}://{parts.netloc}"
