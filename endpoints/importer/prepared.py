"""A piece read and checked as far as that goes without the database: plain lines by columns, the others one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from django.conf import settings

from endpoints.importer import columnar, documents
from endpoints.importer.columnar import Lines, Mask
from endpoints.importer.columns import Column, ColumnKind, columns_of
from endpoints.importer.drafts import Drafts, drafts
from endpoints.importer.items import items_of
from endpoints.importer.names import named
from endpoints.importer.rows import read_csv, read_json
from endpoints.importer.scan import Readable
from endpoints.models import AttributeKind
from endpoints.writing import hashes, rules
from endpoints.writing.documents import Item, Refused

_BLOCK = 1 << 20


@dataclass(slots=True)
class Prepared:
    """``plain``: lines that are good by themselves and have nothing to do with any other line; the rest stand in ``others``.

    ``others`` are in order, by place (0 is the piece's first line); of plain ones in ``plain`` order, ``line_hashes`` tells
    whether the same line was written before. ``drafts`` of the plain ones, if all were expected to be new; ``names`` that have a
    value in the piece, and whether their values look like dates.
    """

    raw: list[bytes] = field(default_factory=list)
    columns: list[Column] = field(default_factory=list)
    first_line: int = 1
    plain: Lines | None = None
    line_hashes: npt.NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, dtype=np.uint64))
    others: dict[int, Item | Refused] = field(default_factory=dict)
    drafts: Drafts | None = None
    names: dict[AttributeKind, dict[str, bool]] = field(default_factory=dict)

    def read(self, place: int) -> Iterator[Item | Refused]:
        """The rows from this line on, one by one."""
        following = (self.raw[at].decode() + "\n" for at in range(place, len(self.raw)))
        if self.columns:
            return read_csv(following, columns=self.columns, first_line=self.first_line + place)
        return read_json(following, first_line=self.first_line + place)

    def items(self, places: Iterable[int]) -> dict[int, Item | Refused]:
        """Lines of one record each, as the readers have them."""
        return {place: next(self.read(place)) for place in places}

    def plain_items(self, mask: Mask) -> dict[int, Item | Refused]:
        """The same of plain lines."""
        if self.plain is None or not mask.any():
            return {}
        return dict(items_of(self.plain.where(mask), raw=self.raw, first_line=self.first_line))


def prepare(
    *, stream: Readable, header: Sequence[str], first_line: int, on_bytes: Callable[[int], None], expect_new: bool = False
) -> Prepared:
    """``expect_new``: make drafts, which are in vain where an endpoint is stored already."""
    prepared = _divided(stream=stream, header=header, first_line=first_line, on_bytes=on_bytes)
    prepared.names = named(prepared.plain, prepared.others.values())
    if expect_new and prepared.plain is not None and len(prepared.plain):
        prepared.drafts = drafts(prepared.plain)
    return prepared


def _divided(*, stream: Readable, header: Sequence[str], first_line: int, on_bytes: Callable[[int], None]) -> Prepared:
    blocks = []
    while block := stream.read(_BLOCK):
        blocks.append(block)
        on_bytes(len(block))
    lines = b"".join(blocks).split(b"\n")
    if not lines[-1]:
        lines.pop()
    prepared = Prepared(raw=lines, columns=columns_of(header) if header else [], first_line=first_line)
    found, good = _csv(prepared, header) if header else _json(prepared)
    if found is None:
        return prepared
    plain = found.where(good)
    while len(plain):
        entangled = _entangled(plain, prepared.others.values())
        if not entangled.any():
            break
        prepared.others |= items_of(plain.where(entangled), raw=lines, first_line=first_line)
        plain = plain.where(~entangled)
    prepared.others = dict(sorted(prepared.others.items()))
    prepared.plain = plain
    prepared.line_hashes = hashes.line_hashes([lines[place] for place in plain.positions.tolist()], header="\n".join(header))
    return prepared


def _csv(prepared: Prepared, header: Sequence[str]) -> tuple[Lines | None, Mask]:
    lines = prepared.raw

    def record_lines(place: int) -> int:
        taken = 0

        def following() -> Iterator[str]:
            nonlocal taken
            for at in range(place, len(lines)):
                taken += 1
                yield lines[at].decode() + "\n"

        row = next(read_csv(following(), columns=prepared.columns, first_line=prepared.first_line + place))
        prepared.others[place] = row
        return taken

    divided = columnar.divide(
        lines, columns=len(header), header_bytes=sum(len(name.encode()) + 10 for name in header), record_lines=record_lines
    )
    for place, _length in divided.records:
        if place not in prepared.others:
            record_lines(place)
    found, good = columnar.read_columns(lines, divided.plain, prepared.columns)
    faulty = np.asarray(divided.plain, dtype=np.int64)[~good].tolist()
    prepared.others |= prepared.items(faulty)
    return found, good


def _json(prepared: Prepared) -> tuple[Lines | None, Mask]:
    found, good, left = documents.read_columns(prepared.raw)
    places = left if found is None else left + found.positions[~good].tolist()
    prepared.others |= prepared.items(places)
    return found, good


def _entangled(plain: Lines, others: Iterable[Item | Refused]) -> Mask:
    """Which plain lines another line of the piece has to do with: the same endpoint, user or address, where order matters."""
    items = [item for item in others if isinstance(item, Item)]
    found = is_in(plain.keys, {item.endpoint_id.lower() for item in items}) | _repeated(plain.keys)
    found |= is_in(plain.users, {item.user_id for item in items} - {""})
    addresses = pc.binary_join_element_wise(plain.channels, plain.address_keys, "\n")
    theirs = {
        f"{item.channel}\n{rules.address_key(item.address, item.channel)}"
        for item in items
        if item.address and (not item.endpoint_id or item.channel in rules.ONE_OWNER_CHANNELS)
    }
    found |= is_in(addresses, theirs)
    has_one_owner = is_in(plain.channels, set(rules.ONE_OWNER_CHANNELS))
    if has_one_owner.any():
        found |= has_one_owner & _repeated(addresses)
    return found | _users_at_odds(plain)


def _users_at_odds(plain: Lines) -> Mask:
    """Lines of users who have other attributes on another line, or more lines than they may have endpoints."""
    users = plain.users.dictionary_encode()
    places = users.indices.to_numpy()
    is_user = columnar.true(pc.greater(pc.binary_length(plain.users), 0))
    counts = np.bincount(places, minlength=len(users.dictionary))
    if counts.max(initial=0) == 1:
        return np.zeros(len(plain), dtype=bool)
    attributes = columnar.documents(plain, ColumnKind.USER_ATTRIBUTE)
    _values, first = np.unique(places, return_index=True)
    differs = columnar.true(pc.not_equal(attributes, attributes.take(pa.array(first[places]))))
    at_odds = np.bincount(places, weights=differs, minlength=len(counts)) > 0
    apart: Mask = is_user & (at_odds | (counts > settings.ENDPOINTS_PER_USER))[places]
    return apart


def is_in(texts: pa.Array, some: set[str]) -> Mask:
    if not some:
        return np.zeros(len(texts), dtype=bool)
    return columnar.true(pc.is_in(texts, value_set=pa.array(sorted(some), pa.string())))


def _repeated(texts: pa.Array) -> Mask:
    encoded = texts.dictionary_encode()
    if len(encoded.dictionary) == len(texts):
        return np.zeros(len(texts), dtype=bool)
    places = encoded.indices.to_numpy()
    repeated: Mask = np.bincount(places)[places] > 1
    return repeated
