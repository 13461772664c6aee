"""A real DNS server on loopback, UDP and TCP, that knows what the test tells it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import defaultdict

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

_UDP_BYTES = 300  # no more in one datagram: what is longer (a DKIM key) must come by TCP


class DnsServer:
    """``zone``: (name, type) → the data of its records. ``broken`` names are answered SERVFAIL, ``silent`` ones not at all."""

    def __init__(self) -> None:
        self.zone: dict[tuple[str, str], list[str]] = defaultdict(list)
        self.broken: set[str] = set()
        self.silent: set[str] = set()
        self.asked: list[tuple[str, str]] = []
        self.by_tcp: list[str] = []
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._tcp.getsockname()[1]
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", self.port))
        self._threads = [threading.Thread(target=serve, daemon=True) for serve in (self._serve_udp, self._serve_tcp)]
        for thread in self._threads:
            thread.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def txt(self, name: str, *texts: str) -> None:
        """The TXT records of a name, each split into strings as a provider does it."""
        self.zone[name, "TXT"] = [
            " ".join(f'"{text[start : start + 255]}"' for start in range(0, len(text), 255)) for text in texts
        ]

    def put(self, name: str, kind: str, *data: str) -> None:
        self.zone[name, kind] = list(data)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._tcp.shutdown(socket.SHUT_RDWR)
        self._tcp.close()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waking:
            waking.sendto(b"", ("127.0.0.1", self.port))
        for thread in self._threads:
            thread.join(5)
        self._udp.close()

    def _serve_udp(self) -> None:
        while True:
            data, peer = self._udp.recvfrom(65_535)
            if not data:
                return
            answer = self._answer(data)
            if answer is None:
                continue
            wire = answer.to_wire()
            if len(wire) > _UDP_BYTES:
                short = dns.message.make_response(dns.message.from_wire(data))
                short.flags |= dns.flags.TC
                wire = short.to_wire()
            self._udp.sendto(wire, peer)

    def _serve_tcp(self) -> None:
        while True:
            try:
                connection, _peer = self._tcp.accept()
            except OSError:
                return
            with contextlib.suppress(OSError, EOFError), connection, connection.makefile("rb") as stream:
                data = stream.read(int.from_bytes(stream.read(2), "big"))
                answer = self._answer(data, by_tcp=True)
                if answer is not None:
                    wire = answer.to_wire()
                    connection.sendall(len(wire).to_bytes(2, "big") + wire)

    def _answer(self, data: bytes, *, by_tcp: bool = False) -> dns.message.Message | None:
        question = dns.message.from_wire(data)
        (asked,) = question.question
        name, kind = asked.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(asked.rdtype)
        self.asked.append((name, kind))
        if by_tcp:
            self.by_tcp.append(name)
        if name in self.silent:
            return None
        answer = dns.message.make_response(question)
        if name in self.broken:
            answer.set_rcode(dns.rcode.SERVFAIL)
            return answer
        target = name
        for alias in self.zone.get((name, "CNAME"), []):
            answer.answer.append(dns.rrset.from_text(asked.name, 60, "IN", "CNAME", alias))
            target = alias.rstrip(".")
        records = self.zone.get((target, kind), [])
        if records:
            owner = dns.name.from_text(target)
            answer.answer.append(dns.rrset.from_text_list(owner, 60, "IN", kind, records))
        elif not any(known == target for known, _kind in self.zone):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer
