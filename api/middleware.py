"""The API's place in the web process: before sessions, CSRF and Django's resolver, for its paths are routed as they stood on the wire."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from api import door
from api.protocol.routes import PREFIX


def pinpoint_middleware(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Answers everything below ``/v1/``."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.path_info.startswith(PREFIX):
            return door.answer(request)
        return get_response(request)

    return middleware
