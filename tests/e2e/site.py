"""A web site of another origin, in real HTTP, and a browser on it; the collector beside it."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Iterator
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page

from endpoints.services import collecting
from tests.e2e.conftest import PERSON
from tests.waiting import wait_until


class Site:
    """``pages`` by path: what stands in the head of each. Every path that is not there has that of "/"."""

    def __init__(self) -> None:
        self.pages: dict[str, str] = {}
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                head = site.pages.get(self.path.partition("?")[0], site.pages["/"])
                body = f"<!doctype html><html><head><title>가게 {self.path}</title>{head}</head><body></body></html>".encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.origin = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Visit:
    """A browser of its own; ``sent`` are the requests to the collector, ``faults`` what went wrong on its pages."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.sent: list[str] = []
        self.faults: list[str] = []
        context.on("request", lambda request: self.sent.append(request.post_data or "") if request.method == "POST" else None)

    def open(self, url: str) -> Page:
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.goto(url)
        return page


@contextlib.contextmanager
def visit(browser: Browser, **given: Any) -> Iterator[Visit]:
    context = browser.new_context(locale="ko-KR", timezone_id="Asia/Seoul", user_agent=PERSON, **given)
    made = Visit(context)
    yield made
    context.close()
    assert made.faults == [], "the script must never throw into the page"


def kept(page: Page) -> list[str]:
    """The names of what the script keeps in the browser."""
    return sorted(name.split(".", 2)[2] for name in page.evaluate("Object.keys(localStorage)") if name.startswith("pabal."))


def delivered(page: Page) -> None:
    """Until nothing waits in the browser, and all that it sent is written."""
    page.evaluate("pabal('flush')")
    page.wait_for_function("!Object.keys(localStorage).some((name) => /^pabal\\.[^.]*\\.e/.test(name))")
    collecting.drain_batches()


def written(wanted: int) -> None:
    """Until so many events were written, of requests whose page may be gone."""
    total = 0

    def is_there() -> bool:
        nonlocal total
        total += collecting.drain_batches()
        return total >= wanted

    wait_until(is_there)
