"""What moto does not do, on loopback over real HTTP: GetAccount, and errors as Amazon SES answers them."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class SesServer:
    """Answers each SendEmail by the next word of its script: ok, drop (reads the request and hangs up), or ``status Code message``.

    After the script's end everything is ok. ``account`` is what GetAccount says; None: access denied.
    """

    def __init__(self, script: Sequence[str] = (), *, account: dict[str, float] | None = None) -> None:
        self._script = list(script)
        self._lock = threading.Lock()
        self.account = account
        self.sent: list[dict[str, Any]] = []
        self.asked_for_account = 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server.asked_for_account += 1
                if server.account is None:
                    self.answer(403, {"message": "not authorized to perform: ses:GetAccount"}, "AccessDeniedException")
                else:
                    self.answer(200, {"SendQuota": server.account})

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with server._lock:
                    act = server._script.pop(0) if server._script else "ok"
                    server.sent.append(body)
                if act == "drop":
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.connection.close()
                    self.close_connection = True
                elif act == "ok":
                    self.answer(200, {"MessageId": f"id-{len(server.sent)}"})
                else:
                    status, code, message = act.split(" ", 2)
                    self.answer(int(status), {"message": message}, code)

            def answer(self, status: int, document: dict[str, Any], code: str = "") -> None:
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                if code:
                    self.send_header("x-amzn-ErrorType", code)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
