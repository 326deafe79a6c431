"""Door of the web server."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()

from django.conf import settings  # noqa: E402 — Django must be set up first
from django.db import connections  # noqa: E402

from apps.serving.startup import start  # noqa: E402
from config.metrics import count_together  # noqa: E402

count_together(settings.METRICS_DIR)
start()
connections.close_all()  # requests are answered by other threads, each on a connection of its own
gc.collect()
gc.freeze()  # what is there now stays: the collector need not go through it again while requests wait
gc.set_threshold(10_000)  # a prediction makes over 700 objects and drops them: it should not cost a collection
