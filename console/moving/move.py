"""What all the steps of a move share: where it comes from, in whose name, and the projects that were found."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass, field

from console.moving.fields import Unfit
from console.moving.inventory import Inventory
from console.moving.report import Report
from projects.models import Project, User


@dataclass(slots=True)
class Move:
    """``damaged``: segments (by id) with an export of which a file can't be read, and that file's name."""

    found: Inventory
    report: Report
    actor: User
    clock: Callable[[], datetime.datetime]
    is_dry_run: bool
    damaged: dict[str, str] = field(default_factory=dict)
    _projects: dict[str, Project | None] = field(default_factory=dict)

    def project(self, public_id: str) -> Project:
        """Raises ``Unfit`` when it is neither in the folder nor here, or was deleted here."""
        if public_id not in self._projects:
            self._projects[public_id] = Project.objects.select_related("created_by").filter(public_id=public_id).first()
        found = self._projects[public_id]
        if found is None:
            raise Unfit(f"its project {public_id} is neither in the folder nor here. Save it: aws pinpoint get-apps.")
        if found.deleted_at is not None:
            raise Unfit(f"its project {public_id} was deleted here.")
        return found

    def made(self, project: Project) -> None:
        self._projects[project.public_id] = project
