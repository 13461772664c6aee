"""What the deltas of a value come to, taken in their order."""

from __future__ import annotations

from dataclasses import dataclass, field

from pyroaring import BitMap64

Row = tuple[bytes | memoryview | None, bytes | memoryview | None]  # added, removed, as they are stored


@dataclass(slots=True)
class Delta:
    """Ids that carry a value though the chunks don't say so, and the other way round."""

    added: BitMap64 = field(default_factory=BitMap64)
    removed: BitMap64 = field(default_factory=BitMap64)

    def take(self, added: bytes | memoryview | None, removed: bytes | memoryview | None) -> None:
        """One row more."""
        if removed is not None:
            ids = BitMap64.deserialize(bytes(removed))
            self.added -= ids
            self.removed |= ids
        if added is not None:
            ids = BitMap64.deserialize(bytes(added))
            self.removed -= ids
            self.added |= ids
