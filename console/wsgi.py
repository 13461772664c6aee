"""WSGI entry: hits (opens and clicks) and what web pages ask for are answered in front of Django, everything else by Django."""

from __future__ import annotations

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")

django_application = get_wsgi_application()

from analytics.hits.wsgi import hits_in_front_of  # noqa: E402  (needs Django's settings to be loaded)
from endpoints.collecting.door import web_pages_in_front_of  # noqa: E402

application = hits_in_front_of(web_pages_in_front_of(django_application))

# What is loaded by now stays as long as the process does. Each full collection would walk all of it, in the midst of somebody's request.
gc.collect()
gc.freeze()
