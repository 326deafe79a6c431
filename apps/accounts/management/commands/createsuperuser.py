"""Django's ``createsuperuser``, in whose place ``create_person`` stands.

It would let any shell make itself another person, and skips the rules for passwords where a script runs it.
"""

from typing import Any

from django.contrib.auth.management.commands import createsuperuser
from django.core.management.base import CommandError
from django.utils.translation import gettext as _


class Command(createsuperuser.Command):
    help = "Refused: manage.py create_person makes accounts, the first one included."

    def handle(self, *args: Any, **options: Any) -> None:
        del args, options
        raise CommandError(
            _("Accounts are made by: manage.py create_person --username NAME --role administrator (the first one).")
        )
