"""The language and the time zone of a page."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import Http404, HttpRequest
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


def no_null_middleware(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """An address with a NUL names nothing: PostgreSQL holds none, and psycopg2 raises ``ValueError`` at a parameter with one."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if "\0" in request.path_info or "%00" in request.META.get("QUERY_STRING", ""):
            raise Http404
        return get_response(request)

    return middleware


def remember_language(response: HttpResponseBase, language: str) -> None:
    """A cookie of one year, so that the log-in page speaks it, too."""
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME, language, max_age=365 * 24 * 3600, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE
    )
