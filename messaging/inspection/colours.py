"""Colours as inline styles write them, and how well one is read on another (WCAG 2)."""

from __future__ import annotations

import re

Colour = tuple[int, int, int]
WHITE: Colour = (255, 255, 255)
_NAMES: dict[str, Colour] = {
    "black": (0, 0, 0), "white": WHITE, "red": (255, 0, 0), "green": (0, 128, 0), "blue": (0, 0, 255), "gray": (128, 128, 128),
    "grey": (128, 128, 128), "silver": (192, 192, 192), "yellow": (255, 255, 0), "orange": (255, 165, 0), "navy": (0, 0, 128),
    "lightgray": (211, 211, 211), "lightgrey": (211, 211, 211), "darkgray": (169, 169, 169), "purple": (128, 0, 128),
}  # fmt: skip
_HEX = re.compile(r"#([0-9a-f]{6}|[0-9a-f]{3})\b")
_RGB = re.compile(r"rgb\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*\)")


def colour(text: str) -> Colour | None:
    """The colour that a value names, or None: none, one that depends on something else, or one half transparent."""
    text = text.strip().lower()
    if found := _HEX.search(text):
        digits = found[1] if len(found[1]) == 6 else "".join(char * 2 for char in found[1])
        return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)
    if found := _RGB.search(text):
        red, green, blue = (min(255, int(number)) for number in found.groups())
        return red, green, blue
    return next((_NAMES[word] for word in re.findall(r"[a-z]+", text) if word in _NAMES), None)


def contrast(first: Colour, second: Colour) -> float:
    """From 1 (the same) to 21 (black on white)."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: Colour) -> float:
    red, green, blue = (
        channel / 255 / 12.92 if channel <= 10 else ((channel / 255 + 0.055) / 1.055) ** 2.4 for channel in colour
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
