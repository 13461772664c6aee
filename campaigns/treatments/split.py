"""Who is in which treatment: a keyed hash of the endpoint gives its place on a line; the line is cut by the shares.

An endpoint's place never changes within a campaign, and the places of two campaigns know nothing of each other. The cuts are set once,
by the first audience: each at the place where that audience is divided exactly, at most half a percent of the line away from where
the shares say. Members who come later are divided by the same cuts.
"""

from __future__ import annotations

import array
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap64

from core.audience import Audience

LINE = 1 << 53  # places; a JSON number holds each of them exactly
_GIVE = LINE // 200  # how far a cut may be moved: half a percent
_Words = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Cut:
    """``shares`` in percent, in the order in which they lie on the line, and the place where each ends."""

    shares: tuple[float, ...]
    ends: tuple[int, ...]


def places(ids: _Words, *, key: str) -> _Words:
    """The place of each endpoint in the campaign ``key``."""
    digest = hashlib.blake2b(key.encode(), digest_size=16).digest()
    first, second = (np.uint64(int.from_bytes(half, "big")) for half in (digest[:8], digest[8:]))
    return _mixed(_mixed(ids + first) ^ second) >> np.uint64(11)


def _mixed(words: _Words) -> _Words:
    # SplitMix64's finaliser: a bijection of 64-bit words in which each bit of the input moves half the bits of the output.
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def cut(members: Audience, *, key: str, shares: Sequence[float]) -> Cut:
    """The cuts that divide these members exactly, as far as they may be moved for it. ``shares`` add up to 100."""
    found = np.sort(places(_ids(members), key=key))
    ends = []
    for wanted in np.cumsum(np.asarray(shares, dtype=np.float64)) / 100:
        nominal = round(float(wanted) * LINE)
        last = round(float(wanted) * len(found))  # so many lie before the cut
        if not 0 < nominal < LINE or not 0 < last < len(found):
            ends.append(nominal)
            continue
        ends.append(min(max(int(found[last]), nominal - _GIVE, 0), nominal + _GIVE, LINE))
    return Cut(shares=tuple(float(share) for share in shares), ends=(*ends[:-1], LINE))


def divided(members: Audience, *, key: str, cut: Cut) -> list[Audience]:
    """The members of each share, in the order of the shares. Disjoint; together they are all."""
    ids = _ids(members)
    part = np.searchsorted(np.asarray(cut.ends, dtype=np.uint64), places(ids, key=key), side="right")
    return [_audience(ids[part == number]) for number in range(len(cut.shares))]


def _ids(members: Audience) -> _Words:
    return np.fromiter(members, dtype=np.uint64, count=len(members))


def _audience(ids: _Words) -> Audience:
    return Audience(BitMap64(array.array("Q", ids.astype("<u8").tobytes())))
