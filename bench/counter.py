"""A process of ``bench.segments`` that counts once, as a web process that has just been started, and says the milliseconds."""

from __future__ import annotations

import os
import sys
import time


def main() -> None:
    import django
    from django.conf import settings

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    settings.DATABASES["default"]["NAME"] = os.environ["BENCH_DATABASE"]
    django.setup()

    from bench.segments import three_filters
    from projects.models import Project

    project = Project.objects.get(pk=int(sys.argv[1]))
    begun = time.perf_counter()
    three_filters(project, int(sys.argv[2]))
    print(1000 * (time.perf_counter() - begun))


if __name__ == "__main__":
    main()
