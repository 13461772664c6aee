"""The language of a page: the person's own choice, then the cookie, then the browser's."""

from __future__ import annotations

from django.http import HttpRequest
from django.middleware.locale import LocaleMiddleware


class UserLocaleMiddleware(LocaleMiddleware):
    """Django's own; a log-in or a switch writes the language cookie, so no page asks the database for it."""

    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
