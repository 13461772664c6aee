"""A definition becomes an audience: document → tree → leaves by SQL → set algebra."""

from segments.evaluation.evaluate import evaluate_definition, evaluate_document, evaluate_segment
from segments.evaluation.parse import parse_document
from segments.evaluation.refusals import DefinitionRefused, SourceRefused

__all__ = [
    "DefinitionRefused",
    "SourceRefused",
    "evaluate_definition",
    "evaluate_document",
    "evaluate_segment",
    "parse_document",
]
