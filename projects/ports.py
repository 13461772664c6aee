"""What projects ask of higher floors."""

from __future__ import annotations

from core.ports import Port
from projects.models import Project

# project → sentences that say what is missing before it can send real mail
live_requirements: Port[[Project], list[str]] = Port("live requirements")
