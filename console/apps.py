from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    name = "console"

    def ready(self) -> None:
        import console.celery  # noqa: F401  (the web process must know the broker before a service calls .delay())
