"""Django's entry for this room."""

from django.apps import AppConfig


class WorkforceConfig(AppConfig):
    name = "apps.workforce"
