"""The language and the time zone of a page."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.utils import timezone


class LanguageAndZoneMiddleware(LocaleMiddleware):
    """The language is the cookie's (a log-in and a switch write it), else the browser's: no page asks the database for it.

    The zone is UTC until a page knows its project (``projects.access``), and never another request's.
    """

    def process_request(self, request: HttpRequest) -> None:
        timezone.deactivate()
        super().process_request(request)


def remember_language(response: HttpResponseBase, language: str) -> None:
    """A cookie of one year, so that the log-in page speaks it, too."""
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME, language, max_age=365 * 24 * 3600, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE
    )
