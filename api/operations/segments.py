"""Segments and their versions (reference, section 4)."""

from __future__ import annotations

from api.operations.contract import Entry, Unserved

TITLE = "Segments"
_LATER = Unserved("segments are not served by the API yet; they have pages.")

TABLE: dict[str, Entry] = {
    "CreateSegment": _LATER,
    "GetSegment": _LATER,
    "GetSegments": _LATER,
    "UpdateSegment": _LATER,
    "DeleteSegment": _LATER,
    "GetSegmentVersion": _LATER,
    "GetSegmentVersions": _LATER,
    "GetSegmentImportJobs": _LATER,
    "GetSegmentExportJobs": _LATER,
}
