"""SMTP for the mailbox, with pipelining. A 250 after a body means that it is committed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re

from django.db import Error

from messaging.mailbox.store import Received, Store

MAX_BYTES = 30 << 20
_PATH = re.compile(rb"<([^<>]*)>")
_log = logging.getLogger(__name__)


async def serve(*, host: str, port: int, store: Store, ready: asyncio.Event | None = None) -> None:
    """Serve until cancelled. Raises ``OSError`` when the port is taken."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            await _Session(reader, writer, store).run()
        writer.close()

    server = await asyncio.start_server(talk, host, port, limit=MAX_BYTES, backlog=512)
    if ready is not None:
        ready.set()
    async with server:
        await server.serve_forever()


class _Session:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, store: Store) -> None:
        self._reader, self._writer, self._store = reader, writer, store
        self._mail_from = ""
        self._recipients: list[str] = []

    async def run(self) -> None:
        self._say("220 Pabal mailbox")
        while True:
            await self._writer.drain()
            line = await self._reader.readline()
            if not line:
                return
            word = line[:4].upper()
            if word == b"QUIT":
                self._say("221 bye")
                await self._writer.drain()
                return
            await self._answer(word, line)

    async def _answer(self, word: bytes, line: bytes) -> None:
        match word:
            case b"EHLO":
                self._say(f"250-Pabal mailbox\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE {MAX_BYTES}")
            case b"HELO" | b"NOOP":
                self._say("250 ok")
            case b"RSET":
                self._mail_from, self._recipients = "", []
                self._say("250 ok")
            case b"MAIL":
                self._mail_from, self._recipients = _address(line), []
                self._say("250 ok")
            case b"RCPT":
                self._recipients.append(_address(line))
                self._say("250 ok")
            case b"DATA":
                await self._data()
            case _:
                self._say("502 5.5.2 command not known")

    async def _data(self) -> None:
        if not self._recipients:
            self._say("503 5.5.1 no recipient")
            return
        self._say("354 end with .")
        await self._writer.drain()
        raw = await self._reader.readuntil(b"\r\n.\r\n")
        raw = raw[:-3].replace(b"\r\n..", b"\r\n.")
        try:
            for recipient in self._recipients:
                await asyncio.wrap_future(self._store.put(Received(self._mail_from, recipient, raw)))
        except Error:
            self._say("451 4.3.0 the mailbox can't keep it now")
        else:
            self._say("250 2.0.0 kept")
        self._recipients = []

    def _say(self, text: str) -> None:
        self._writer.write(text.encode() + b"\r\n")


def _address(line: bytes) -> str:
    match = _PATH.search(line)
    return match[1].decode("utf-8", "replace") if match else ""
