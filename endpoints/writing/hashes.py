"""Telling that a line of a file was written before and nothing was written since, without reading what is stored.

With an endpoint that one line gave all fields of, the hash of that line (and of its file's header) is kept, mixed with the moments of
the last write to the endpoint and to its user. Every write moves ``updated_at`` (``merging.later``), so that the number fits no more
when somebody else wrote either of them, whether or not he knows of hashes.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND = datetime.timedelta(microseconds=1)


def line_hashes(lines: Sequence[bytes], *, header: str) -> npt.NDArray[np.uint64]:
    """64 bits of BLAKE2b of each line, keyed by the header: the same line means something else under another one."""
    key = hashlib.blake2b(header.encode(), digest_size=32).digest()
    seeded = hashlib.blake2b(key=key, digest_size=8)
    digests = []
    for line in lines:
        one = seeded.copy()
        one.update(line)
        digests.append(one.digest())
    return np.frombuffer(b"".join(digests), dtype=np.uint64)


def microseconds(moment: datetime.datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def stamps(lines: Any, written: Any, user_pks: Any, users_written: Any) -> npt.NDArray[np.int64]:
    """What is stored: for each line its hash, the moment of the write in microseconds, the user's key (0: none) and his moment."""
    mixed = _mix(np.asarray(users_written, dtype=np.int64).astype(np.uint64))
    mixed = _mix(np.asarray(user_pks, dtype=np.int64).astype(np.uint64) ^ mixed)
    mixed = _mix(np.asarray(written, dtype=np.int64).astype(np.uint64) ^ mixed)
    return _mix(np.asarray(lines, dtype=np.uint64) ^ mixed).astype(np.int64)


def _mix(value: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """SplitMix64's finaliser: every bit of the input turns about half of the output's."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))
