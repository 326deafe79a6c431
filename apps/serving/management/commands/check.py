"""``manage.py check``: Django's checks, and those of the pin."""

from typing import Any

from django.core.checks.registry import registry
from django.core.management.commands.check import Command as DjangoCommand

from apps.serving.checks import check_pin


class Command(DjangoCommand):
    def handle(self, *app_labels: str, **options: Any) -> None:
        registry.register(check_pin, "pin")
        try:
            super().handle(*app_labels, **options)
        finally:
            registry.registered_checks.discard(check_pin)  # of this command alone: see apps/serving/checks.py
