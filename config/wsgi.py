"""Door of the web server."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()

from django.db import connections  # noqa: E402 — Django must be set up first

from apps.serving.startup import start  # noqa: E402

start()
connections.close_all()  # requests are answered by other threads, each on a connection of its own
