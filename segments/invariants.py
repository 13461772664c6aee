"""What an import job counts = what its pieces count."""

from __future__ import annotations

from django.db import connection

from core.invariants import Broken, Finding

# One statement, hence one moment: a piece is written with the job's counters.
_JOBS = """
    SELECT j.public_id, j.completed_pieces, j.total_processed, j.total_failures,
           count(p.id), coalesce(sum(p.processed), 0), coalesce(sum(p.failed), 0),
           (SELECT count(*) FROM segments_refusedline l WHERE l.job_id = j.id)
      FROM segments_importjob j LEFT JOIN segments_importpiece p ON p.job_id = j.id AND p.state IN ('DONE', 'UNDONE')
     WHERE j.project_id = %s GROUP BY j.id ORDER BY j.id
"""


def imports(*, project_id: int) -> Finding:
    """The project's imports whose counters are not the sums of their pieces', or which lost a refused line."""
    with connection.cursor() as cursor:
        cursor.execute(_JOBS, [project_id])
        rows = cursor.fetchall()
    broken = []
    for job, completed, processed, failures, pieces, lines, refused, listed in rows:
        compared = {
            "CompletedPieces": (completed, pieces), "TotalProcessed": (processed, lines), "TotalFailures": (failures, refused),
        }  # fmt: skip
        for counter, (held, right) in compared.items():
            if held != right:
                broken.append(Broken("import_counter", {"job": job, "counter": counter, "held": held, "pieces": int(right)}))
        if listed != failures:
            broken.append(Broken("import_lines", {"job": job, "listed": listed, "failures": failures}))
    return Finding(checked=len(rows), broken=broken)
