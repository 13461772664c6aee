"""The helpers of the template language as an editor offers them."""

from __future__ import annotations

from dataclasses import dataclass

from messaging.rendering.language.catalogue import HELPERS


@dataclass(frozen=True, slots=True)
class HelperLine:
    """``usage``: as it is written, with v, a, b or d where a variable goes; ``about``: a sentence in the reader's language."""

    name: str
    usage: str
    about: str


def helper_lines() -> list[HelperLine]:
    """All of them, in the order of the reference."""
    return [HelperLine(name=helper.name, usage=helper.usage, about=str(helper.about)) for helper in HELPERS.values()]
