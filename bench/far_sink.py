"""An SMTP sink that answers everything some milliseconds late, as a server far away does; writes a line when
it has taken its first message.

``python -m bench.far_sink PORT MILLISECONDS``
"""

from __future__ import annotations

import asyncio
import signal
import sys


class _Session(asyncio.Protocol):
    taken = 0

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._buffer = bytearray()
        self._is_body = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._say(b"220 far\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        said = bytearray()
        while True:
            end = self._buffer.find(b"\r\n.\r\n" if self._is_body else b"\r\n")
            if end < 0:
                break
            line = bytes(self._buffer[:4]).upper()
            del self._buffer[: end + (5 if self._is_body else 2)]
            if self._is_body:
                self._is_body = False
                if not _Session.taken:
                    print("taken", flush=True)
                _Session.taken += 1
                said += b"250 2.0.0 taken\r\n"
            elif line == b"EHLO":
                said += b"250-far\r\n250 PIPELINING\r\n"
            elif line == b"DATA":
                self._is_body = True
                said += b"354 go on\r\n"
            elif line == b"QUIT":
                said += b"221 bye\r\n"
            else:
                said += b"250 2.1.0 ok\r\n"
        if said:
            self._say(bytes(said))

    def _say(self, said: bytes) -> None:
        assert self._transport is not None
        asyncio.get_running_loop().call_later(self._delay, self._transport.write, said)


async def _serve(port: int, delay: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Session(delay), "127.0.0.1", port, backlog=256)
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2]) / 1000))
