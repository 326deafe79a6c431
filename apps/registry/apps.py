"""Django's entry for this room."""

from django.apps import AppConfig


class RegistryConfig(AppConfig):
    name = "apps.registry"
