"""A worker process of ``bench.sending``: says that it is ready, waits for the word, works on the run."""

from __future__ import annotations

import math
import os
import sys
import time


def main() -> None:
    import django
    from django.conf import settings

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    settings.DATABASES["default"]["NAME"] = os.environ["BENCH_DATABASE"]
    django.setup()
    from django.db import connection

    from campaigns.sending import slices, worker
    from core import clock

    connection.ensure_connection()
    if os.environ.get("BENCH_WITHOUT_RECORD"):  # what the record of each recipient costs

        def nothing(**_record: object) -> int:
            return 0

        slices.record_events = nothing  # type: ignore[attr-defined, assignment]
    print("ready", flush=True)
    sys.stdin.readline()
    if os.environ.get("BENCH_PROFILE"):
        import cProfile

        profile = cProfile.Profile()
        profile.enable()
    end = time.monotonic() + float(sys.argv[2]) if len(sys.argv) > 2 else math.inf
    worker.send_run(
        run_id=int(sys.argv[1]), owner=f"bench:{os.getpid()}", clock=clock.now, should_stop=lambda: time.monotonic() > end
    )
    if os.environ.get("BENCH_PROFILE"):
        profile.dump_stats(f"{os.environ['BENCH_PROFILE']}.{os.getpid()}")


if __name__ == "__main__":
    main()
