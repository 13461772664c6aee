"""The page that shows a mail's own HTML: no script, no form, nothing from elsewhere but pictures; links open a new window."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, cast

from csp.decorators import csp_replace
from django.http import HttpResponse
from django.views.decorators.clickjacking import xframe_options_sameorigin

P = ParamSpec("P")

_POLICY = {
    "default-src": ["'none'"],
    "img-src": ["*", "data:"],
    "style-src": ["'unsafe-inline'"],
    "font-src": ["*"],
    "script-src": None,
    "connect-src": None,
    "frame-src": None,
    "form-action": ["'none'"],
    "sandbox": ["allow-popups", "allow-popups-to-escape-sandbox"],
}


def mail_policy(view: Callable[P, HttpResponse]) -> Callable[P, HttpResponse]:
    """For the view that a sandboxed frame loads."""
    decorated = csp_replace(_POLICY)(xframe_options_sameorigin(view))  # type: ignore[arg-type]  # takes any view
    return cast("Callable[P, HttpResponse]", decorated)
