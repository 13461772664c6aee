"""What the rows of new endpoints hold whatever is stored: made when a piece is read, while the server writes the one before."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from endpoints.importer import binary, columnar
from endpoints.importer.columnar import Lines, Mask, Positions
from endpoints.importer.columns import ColumnKind

_DOCUMENTS = (ColumnKind.ATTRIBUTE, ColumnKind.METRIC, ColumnKind.DEMOGRAPHIC, ColumnKind.LOCATION)


@dataclass(frozen=True, slots=True)
class Drafts:
    """Columns of COPY, line by line, several in one: ``heads`` from endpoint_id to status, ``tails`` from attributes to request_id.

    ``who`` tells each line's user by his position in ``user_ids`` ('' is nobody), ``user_documents`` his attributes.
    """

    heads: pa.Array
    tails: pa.Array
    who: Positions
    user_ids: pa.Array
    user_documents: pa.Array

    def where(self, mask: Mask) -> Drafts:
        """Those of some lines; the users stay."""
        if mask.all():
            return self
        held = pa.array(mask)
        return replace(self, heads=self.heads.filter(held), tails=self.tails.filter(held), who=self.who[mask])


def drafts(lines: Lines) -> Drafts:
    encoded = lines.users.dictionary_encode()
    who = encoded.indices.to_numpy()
    _values, first = np.unique(who, return_index=True)
    cohorts = np.fromiter((zlib.crc32(key.encode()) % 100 for key in lines.keys.to_pylist()), dtype=np.int64, count=len(lines))
    opt_outs = pc.if_else(pc.equal(lines.opt_outs, "ALL"), "ALL", "NONE")
    return Drafts(
        heads=binary.joined([
            *binary.texts(lines.ids), *binary.texts(lines.keys), *binary.texts(lines.channels), *binary.texts(lines.addresses),
            *binary.texts(lines.address_keys), *binary.texts(opt_outs), binary.text("ACTIVE"),
        ]),
        tails=binary.joined([
            *(part for kind in _DOCUMENTS for part in binary.documents(columnar.documents(lines, kind))),
            binary.smallints(cohorts), *binary.texts(lines.request_ids),
        ]),
        who=who,
        user_ids=encoded.dictionary,
        user_documents=columnar.documents(lines.take(first), ColumnKind.USER_ATTRIBUTE),
    )  # fmt: skip
