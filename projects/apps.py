from django.apps import AppConfig


class ProjectsConfig(AppConfig):
    name = "projects"

    def ready(self) -> None:
        from projects import audited, ports

        ports.audit_sentences.register("projects", lambda: audited.SENTENCES)
        ports.audit_things.register("projects", audited.things)
