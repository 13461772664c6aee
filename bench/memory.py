"""The memory of this process."""

from __future__ import annotations

import resource


def peak_megabytes() -> float:
    """The most that this process has ever held (resident)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
