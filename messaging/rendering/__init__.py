"""A message template becomes bytes: parsed once into a program, then a join for each recipient.

One renderer for subject, preheader, HTML and text, in previews, tests and real sends.
"""

from messaging.rendering.content import MessageContent, TemplateError
from messaging.rendering.marking import Badge, Drawn, Marks, drawn
from messaging.rendering.mime import MimeBuilder
from messaging.rendering.program import MessageProgram, Rendered, compile_content, render, render_subject
from messaging.rendering.warnings import Warning, find_warnings

__all__ = [
    "Badge",
    "Drawn",
    "Marks",
    "MessageContent",
    "MessageProgram",
    "MimeBuilder",
    "Rendered",
    "TemplateError",
    "Warning",
    "compile_content",
    "drawn",
    "find_warnings",
    "render",
    "render_subject",
]
