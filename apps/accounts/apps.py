"""Django's entry for this room."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "apps.accounts"
