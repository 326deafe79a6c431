"""Addresses of the pages and of the API."""

from django.urls import include, path
from django.views.i18n import set_language

from apps.accounts.access import public
from config import api, operations

urlpatterns = [
    path("api/v1/", include((api.urlpatterns, "api"))),  # first: addresses are tried in order, and it is asked most
    path("i18n/setlang/", public(set_language), name="set_language"),
    path("healthz", operations.healthz, name="healthz"),
    path("readyz", operations.readyz, name="readyz"),
    path("metrics", operations.metrics, name="metrics"),
    path("api/<path:rest>", api.unknown_address),
    path("", include("apps.accounts.urls")),
    path("", include("apps.registry.urls")),
    path("", include("apps.serving.campaigns.urls")),
    path("", include("apps.serving.urls")),
    path("", include("apps.monitoring.urls")),
]

handler400 = "config.problems.bad_request"
handler500 = "config.problems.server_error"
