"""Pinpoint's template language (Handlebars): source → tree → limits → small functions. Knows no HTML and no mail."""

from messaging.rendering.language.parser import parse

__all__ = ["parse"]
