"""An SNS on loopback: a certificate of its own, messages that it signs, and subscriptions that it has confirmed."""

from __future__ import annotations

import base64
import datetime
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

TOPIC = "arn:aws:sns:ap-northeast-2:123456789012:ses-outcomes"
_HOST = "https://sns.ap-northeast-2.amazonaws.com"


def make_certificate(key: rsa.RSAPrivateKey, *, name: str = "sns.amazonaws.com", until: int = 2099) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.datetime(2020, 1, 1))
        .not_valid_after(datetime.datetime(until, 1, 1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )


class SnsServer:
    """``url`` stands in for SNS's hosts. ``confirmed`` are the tokens that were confirmed, ``asked`` the paths that were asked for."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.certificate = make_certificate(self.key)
        self.confirmed: list[str] = []
        self.asked: list[str] = []
        self.is_down = False
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(self.path)
                if server.is_down:
                    self.send_response(500)
                    self.end_headers()
                    return
                body = server.certificate.public_bytes(serialization.Encoding.PEM) if self.path.endswith(".pem") else b"<ok/>"
                if "Action=ConfirmSubscription" in self.path:
                    server.confirmed.append(self.path.rpartition("Token=")[2])
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
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

    def notification(self, message: str, *, version: str = "2", topic: str = TOPIC, number: int = 1, **fields: str) -> bytes:
        return self._signed(
            {"Type": "Notification", "MessageId": f"n-{number}", "TopicArn": topic, "Message": message,
             "Timestamp": "2026-11-26T01:00:00.000Z"} | fields, version,
        )  # fmt: skip

    def confirmation(
        self, *, topic: str = TOPIC, version: str = "2", kind: str = "SubscriptionConfirmation", **fields: str
    ) -> bytes:
        url = f"{_HOST}/?Action=ConfirmSubscription&TopicArn={topic}&Token=t-1"
        return self._signed(
            {"Type": kind, "MessageId": "c-1", "Token": "t-1", "TopicArn": topic, "Message": "You have chosen to subscribe",
             "SubscribeURL": url, "Timestamp": "2026-11-26T01:00:00.000Z"} | fields, version,
        )  # fmt: skip

    def _signed(self, fields: dict[str, str], version: str) -> bytes:
        names = ["Message", "MessageId", "SubscribeURL", "Subject", "Timestamp", "Token", "TopicArn", "Type"]
        text = "".join(f"{name}\n{fields[name]}\n" for name in names if name in fields)
        algorithm = hashes.SHA1() if version == "1" else hashes.SHA256()
        signature = self.key.sign(text.encode(), padding.PKCS1v15(), algorithm)
        signed = {
            "SignatureVersion": version, "Signature": base64.b64encode(signature).decode(),
            "SigningCertURL": f"{_HOST}/SimpleNotificationService-0123.pem",
        }  # fmt: skip
        return json.dumps(signed | fields if "SigningCertURL" in fields else fields | signed).encode()
