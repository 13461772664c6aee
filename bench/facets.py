"""Facets of endpoints that need not be there, or are made by SQL."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from django.db import transaction

from endpoints import facets
from endpoints.facets import folding
from projects.models import Project


def make_facet(project: Project, subject: facets.Subject, values: Sequence[str], which: np.ndarray, ids: np.ndarray) -> None:
    """Each of the ids, ascending, carries the value whose position ``which`` gives; folded."""
    parts = np.split(
        ids[np.argsort(which, kind="stable")], np.cumsum(np.bincount(which.astype(np.int64), minlength=len(values)))[:-1]
    )
    changes = facets.Changes()
    for value, part in zip(values, parts, strict=True):
        changes.add(subject, value, part)
    with transaction.atomic():
        changes.record(project_id=project.pk)
    folding.fold_project(project_id=project.pk)
