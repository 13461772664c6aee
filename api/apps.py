from __future__ import annotations

from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "api"

    def ready(self) -> None:
        from api import audited
        from api.identity import held, idempotency
        from core.remembering import forgotten_by
        from endpoints.ports import register_eraser
        from projects import ports

        ports.audit_sentences.register("api", lambda: audited.SENTENCES)
        ports.audit_things.register("api", audited.things)
        register_eraser("api.IdempotentCall", idempotency.erase_answers)
        forgotten_by(held.forget)
