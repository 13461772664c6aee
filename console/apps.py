from django.apps import AppConfig
from django.core.checks import Tags, register


class ConsoleConfig(AppConfig):
    name = "console"

    def ready(self) -> None:
        from console.checks import account_is_named, secrets_are_set
        from console.dashboards import audited as of_dashboards
        from console.reports import audited as report_sentences
        from console.services import erasing
        from console.sql import audited
        from console.transforms import audited as of_transforms
        from endpoints import ports
        from projects import ports as project_ports

        ports.register_eraser("console.SavedQuery", erasing.erase_saved)
        ports.register_eraser("console.QueryRun", erasing.erase_runs)
        ports.register_eraser("console.RemoteQuery", erasing.erase_remote)
        ports.register_eraser("console.KeptAnswer", erasing.erase_answers)
        project_ports.audit_sentences.register(
            "console",
            lambda: audited.SENTENCES | report_sentences.SENTENCES | of_dashboards.SENTENCES | of_transforms.SENTENCES,
        )
        project_ports.audit_things.register(
            "console", lambda *asked: audited.things(*asked) | of_dashboards.things(*asked) | of_transforms.things(*asked)
        )
        register(secrets_are_set, Tags.security)
        register(account_is_named)
        import console.celery  # noqa: F401  (the web process must know the broker before a service calls .delay())
