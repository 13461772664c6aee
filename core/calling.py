"""One call to code of others: a URL over HTTPS, or a Lambda function that the installation allows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext as _

from core import functions, outbound
from core.errors import Refusal

SECONDS = 15.0
ENDPOINTS = 50  # of one call
_PAUSES = (0.5, 2.0)  # seconds before the second and the third attempt


class TargetRefused(Refusal):
    """What can't be called, and why."""


class CallFailed(Exception):
    """No usable answer. ``was_sent``: the other side may have acted on it; ``status``: its answer over HTTP, if there was one."""

    def __init__(self, message: str, *, was_sent: bool, status: int = 0) -> None:
        super().__init__(message)
        self.was_sent = was_sent
        self.status = status


@dataclass(frozen=True, slots=True)
class Target:
    """Either ``url`` or ``function`` (a name or an ARN)."""

    url: str = ""
    function: str = ""

    def call(self, payload: bytes) -> bytes:
        """One call. Raises ``CallFailed``."""
        if self.function:
            try:
                return functions.invoke(self.function, payload, seconds=SECONDS)
            except functions.FunctionFailed as failed:
                raise CallFailed(str(failed), was_sent=failed.was_sent) from failed
        try:
            answer = outbound.call(
                self.url, headers={"Content-Type": "application/json"}, body=payload, seconds=SECONDS,
                allow_private=settings.HOOK_PRIVATE_HOSTS,
            )  # fmt: skip
        except outbound.OutboundError as error:
            raise CallFailed(str(error), was_sent=error.was_sent) from error
        if not 200 <= answer.status < 300:  # a redirect is not followed, so it is a failure as well
            raise CallFailed(f"the answer was {answer.status}", was_sent=True, status=answer.status)
        return answer.body

    def check(self, *, by_form: bool = False) -> None:
        """Raises ``TargetRefused`` when it can't be called as things are. ``by_form``: without asking the name service."""
        if self.function:
            if not functions.is_allowed(self.function):
                raise TargetRefused(
                    _("The function %(name)s is not one that this installation may call. An operator lists it in HOOK_FUNCTIONS.")
                    % {"name": self.function}
                )
            return
        asked = outbound.check_form if by_form else outbound.check
        try:
            asked(self.url, allow_private=settings.HOOK_PRIVATE_HOSTS)
        except outbound.OutboundRefused as refused:
            raise TargetRefused(_("%(url)s can't be called: %(reason)s.") % {"url": self.url[:200], "reason": refused}) from None


def attempts(
    once: Callable[[], bytes],
    *,
    wait: Callable[[float], None],
    may_go_on: Callable[[], bool] = lambda: True,
    may_repeat: Callable[[CallFailed], bool] = lambda _failed: True,
) -> bytes:
    """Up to three calls, as long as the one before ``may_repeat``. Raises the last ``CallFailed``, or ``Stopped``."""
    for pause in (*_PAUSES, None):
        if not may_go_on():
            raise Stopped
        try:
            return once()
        except CallFailed as failed:
            if pause is None or not may_repeat(failed):
                raise
            wait(pause)
    raise AssertionError("unreachable")


class Stopped(Exception):
    """The worker is to stop: nothing was decided."""
