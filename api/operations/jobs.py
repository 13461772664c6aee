"""Import and export jobs (reference, sections 3 and 11)."""

from __future__ import annotations

from api.operations.contract import Entry, Unserved

TITLE = "Import and export jobs"
_LATER = Unserved("import and export jobs are not served by the API yet; they have pages.")

TABLE: dict[str, Entry] = {
    "CreateImportJob": _LATER,
    "GetImportJob": _LATER,
    "GetImportJobs": _LATER,
    "CreateExportJob": _LATER,
    "GetExportJob": _LATER,
    "GetExportJobs": _LATER,
}
