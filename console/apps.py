from django.apps import AppConfig
from django.core.checks import Tags, register


class ConsoleConfig(AppConfig):
    name = "console"

    def ready(self) -> None:
        from console.checks import secrets_are_set

        register(secrets_are_set, Tags.security)
        import console.celery  # noqa: F401  (the web process must know the broker before a service calls .delay())
