"""What a server must not be started with."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error


def secrets_are_set(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """The developer's default keys are known to everybody."""
    if not settings.PUBLIC_URL.startswith("https://"):
        return []
    return [
        Error(
            f"{name} is not set.", hint=f"Set the environment variable {name} to a long random text and keep it.", id="pabal.E001"
        )
        for name in ("SECRET_KEY", "SECRETS_KEY")
        if getattr(settings, name) == settings.KNOWN_SECRET_KEY
    ]
