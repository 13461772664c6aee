"""The attribute names that a piece of a file gives values to."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from endpoints.importer import columnar
from endpoints.importer.columnar import Field, Lines
from endpoints.importer.columns import ColumnKind
from endpoints.models import AttributeKind
from endpoints.writing.dates import SAMPLE, look_like_dates
from endpoints.writing.documents import Item, Refused

_KINDS = {
    ColumnKind.ATTRIBUTE: AttributeKind.ATTRIBUTE,
    ColumnKind.USER_ATTRIBUTE: AttributeKind.USER_ATTRIBUTE,
    ColumnKind.METRIC: AttributeKind.METRIC,
}


def named(plain: Lines | None, others: Iterable[Item | Refused]) -> dict[AttributeKind, dict[str, bool]]:
    """By kind, the names that have a value, and whether a sample of their values looks like dates."""
    samples: dict[AttributeKind, dict[str, list[str]]] = {kind: {} for kind in AttributeKind}
    for one in plain.fields if plain is not None else ():
        texts = _sample(one) if one.kind in _KINDS else []
        if texts:
            samples[_KINDS[one.kind]].setdefault(one.name, []).extend(texts)
    for item in others:
        if isinstance(item, Item):
            for kind, given in ((AttributeKind.ATTRIBUTE, item.attributes), (AttributeKind.USER_ATTRIBUTE, item.user_attributes)):
                for name, values in given.items():
                    sample = samples[kind].setdefault(name, [])
                    if values and len(sample) < SAMPLE:
                        sample.append(values[0])
            for name in item.metrics:
                samples[AttributeKind.METRIC].setdefault(name, [])
    return {
        kind: {name: kind != AttributeKind.METRIC and look_like_dates(values) for name, values in some.items()}
        for kind, some in samples.items()
    }


def _sample(one: Field) -> list[str]:
    """Values of the first rows; of all rows where those have none, so that no name is missed."""
    head = one.take(np.arange(min(SAMPLE, len(one))))
    found = [text for texts, _rows in columnar.values(head) for text in texts.to_pylist()]
    if found:
        return found[:SAMPLE]
    return [text for texts, _rows in columnar.values(one) for text in texts.slice(0, SAMPLE).to_pylist()]
