from __future__ import annotations

from django.apps import AppConfig


class SegmentsConfig(AppConfig):
    name = "segments"

    def ready(self) -> None:
        from endpoints import ports
        from projects import ports as project_ports
        from segments import audited
        from segments.services import erasing

        ports.register_eraser("segments.SegmentVersion", erasing.erase_versions)
        ports.register_eraser("segments.ImportJob", erasing.erase_files)
        ports.register_eraser("segments.ImportPiece", erasing.erase_pieces)
        ports.register_eraser("segments.ImportBefore", erasing.erase_before)
        ports.register_eraser("segments.RefusedLine", erasing.erase_refused_lines)
        ports.register_eraser("segments.ExportJob", erasing.erase_exports)
        project_ports.audit_sentences.register("segments", lambda: audited.SENTENCES)
        project_ports.audit_things.register("segments", audited.things)
