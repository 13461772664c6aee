"""The errors of the API: each has a type, which SDKs turn into an exception, a status, and a sentence for whoever reads it."""

from __future__ import annotations

from collections.abc import Mapping


class ApiError(Exception):
    """A call that is not carried out. ``headers`` are added to the answer's."""

    type = "InternalServerErrorException"
    status = 500

    def __init__(self, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.headers = dict(headers or {})


class BadRequest(ApiError):
    type, status = "BadRequestException", 400


class Forbidden(ApiError):
    type, status = "ForbiddenException", 403


class NotFound(ApiError):
    type, status = "NotFoundException", 404


class MethodNotAllowed(ApiError):
    type, status = "MethodNotAllowedException", 405


class Conflict(ApiError):
    type, status = "ConflictException", 409


class PayloadTooLarge(ApiError):
    type, status = "PayloadTooLargeException", 413


class TooManyRequests(ApiError):
    type, status = "TooManyRequestsException", 429


class NotServed(ApiError):
    """Not one of Pinpoint's: an operation that this version of Pabal does not have (yet)."""

    type, status = "NotImplementedException", 501


class Away(ApiError):
    """The database is away; SDKs try again."""

    status = 503


class Invalid(Exception):
    """A value that the model, or a limit, refuses. ``path`` is gathered from the inside out while the reader returns."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path: list[str] = []

    @property
    def member(self) -> str:
        """``Item[3].Attributes.plan[0]``."""
        found = ""
        for part in reversed(self.path):
            found += part if part.startswith("[") or not found else f".{part}"
        return found

    def as_bad_request(self) -> BadRequest:
        member = self.member
        return BadRequest(f"{member}: {self.reason}" if member else self.reason)
