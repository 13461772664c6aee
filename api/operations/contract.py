"""What an operation is given, and how the table names it.

An operation is a function of a ``Call``: it reads ``call.params`` (the input's members by their names in the model, checked against it),
calls the services that the pages call, and gives back the answer's document, unwrapped, in the names of the wire. It raises ``NotFound``
and ``BadRequest``; a service's ``Refusal`` becomes a ``BadRequest`` by itself.
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from api.identity.arns import Account, account
from api.models import AccessKey, Right
from api.protocol.errors import NotFound
from api.protocol.limits import BODY_BYTES
from projects.models import Project, Role, User

Document = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call. ``project`` is there in every operation with an ``ApplicationId``: one that exists and that the key may use."""

    key: AccessKey
    params: Mapping[str, Any]
    now: datetime.datetime
    request_id: str
    found: Project | None = None

    @property
    def project(self) -> Project:
        assert self.found is not None, "the operation has no ApplicationId"
        return self.found

    @functools.cached_property
    def actor(self) -> User:
        """In whose name it is done: the person's who made the key."""
        return self.key.created_by

    @functools.cached_property
    def account(self) -> Account:
        return account()

    def arn(self, *parts: str) -> str:
        """Of a resource of the call's project (``arn("segments", id)``), or of the project itself (``arn()``)."""
        return self.account.arn("/".join(("apps", self.project.public_id, *parts)))

    @property
    def accepted(self) -> Document:
        """The MessageBody of what is done at once, though Pinpoint did it later."""
        return {"Message": "Accepted", "RequestID": self.request_id}


Function = Callable[[Call], Document | None]


@dataclass(frozen=True, slots=True)
class Served:
    """An operation that a function serves. ``rights``: all of them are needed, and of the key's maker the role ``at_least``;
    ``for_apps``: keys of apps and browsers may call it, too."""

    function: Function
    rights: frozenset[Right]
    at_least: Role = Role.MARKETER
    for_apps: bool = False
    body_bytes: int = BODY_BYTES

    @property
    def sends(self) -> bool:
        return Right.SEND in self.rights


@dataclass(frozen=True, slots=True)
class Unserved:
    """An operation that is answered by 501, with this sentence."""

    reason: str


Entry = Served | Unserved


def reads(function: Function) -> Served:
    return Served(function, frozenset({Right.READ}), Role.VIEWER)


def writes(function: Function, *, for_apps: bool = False, body_bytes: int = BODY_BYTES) -> Served:
    return Served(function, frozenset({Right.WRITE}), for_apps=for_apps, body_bytes=body_bytes)


def administers(function: Function) -> Served:
    """What only owners do on the pages."""
    return Served(function, frozenset({Right.WRITE}), Role.OWNER)


def sends(function: Function) -> Served:
    """What sends something to people at once."""
    return Served(function, frozenset({Right.SEND}))


def writes_and_sends(function: Function) -> Served:
    """What has something sent to people by and by: a campaign that is made is launched."""
    return Served(function, frozenset({Right.WRITE, Right.SEND}))


def not_found(what: str = "Resource") -> NotFound:
    return NotFound(f"{what} not found")
