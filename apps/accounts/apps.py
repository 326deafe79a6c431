"""Django's entry for this room."""

from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db.models.signals import post_migrate


class AccountsConfig(AppConfig):
    name = "apps.accounts"

    def ready(self) -> None:
        """Write roles and rights after every migration; keep lockouts in the audit log.

        Raises:
            ImproperlyConfigured: FUTURE_SKILLS_SYSTEM_ROLES names what the user of the operating system cannot be.
        """
        from apps.accounts import logins, rights  # noqa: PLC0415 — models are there only once Django is set up

        for role in settings.FUTURE_SKILLS_SYSTEM_ROLES:
            if role not in rights.SYSTEM_ROLES:
                message = (
                    f"FUTURE_SKILLS_SYSTEM_ROLES must be of {', '.join(rights.SYSTEM_ROLES)}, or none, not {role!r}."
                )
                raise ImproperlyConfigured(message)
        post_migrate.connect(write_roles, sender=self)
        logins.listen()


def write_roles(sender: AppConfig, *, using: str, **_options: Any) -> None:
    """Groups and permissions as ``ROLES`` has them."""
    from apps.accounts.roles import sync_roles  # noqa: PLC0415

    sync_roles(sender, using=using)
