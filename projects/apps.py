from django.apps import AppConfig


class ProjectsConfig(AppConfig):
    name = "projects"

    def ready(self) -> None:
        from core.remembering import forgotten_by
        from projects import audited, ports
        from projects.services import known_keys

        ports.audit_sentences.register("projects", lambda: audited.SENTENCES)
        ports.audit_things.register("projects", audited.things)
        forgotten_by(known_keys.forget)
