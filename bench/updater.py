"""A writer process of ``bench.segments``: says that it is ready, waits for the word, updates single endpoints, says how many."""

from __future__ import annotations

import os
import random
import sys
import time


def main() -> None:
    import django
    from django.conf import settings

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    settings.DATABASES["default"]["NAME"] = os.environ["BENCH_DATABASE"]
    django.setup()

    from core import clock
    from endpoints.models import OptOutEntry
    from endpoints.services import update
    from projects.models import Project

    project = Project.objects.get(pk=int(sys.argv[1]))
    rows, seconds, pick = int(sys.argv[2]), float(sys.argv[3]), random.Random(os.getpid())
    print("ready", flush=True)
    sys.stdin.readline()
    done, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        item = {"Id": f"member-{pick.randrange(rows)}", "Attributes": {"signup": [f"20{pick.randrange(15, 25)}-03-01T00:00:00Z"]}}
        answer = update.update_endpoints(project=project, items=[item], source=OptOutEntry.Source.API, now=clock.now())
        done += isinstance(answer[0], update.Accepted)
    print(done, flush=True)


if __name__ == "__main__":
    main()
