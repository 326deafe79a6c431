"""The table of roles written as Django groups and permissions."""

from django.apps import AppConfig
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission

from apps.accounts.rights import ROLES


def sync_roles(config: AppConfig, *, using: str) -> None:
    """Make the groups and their permissions what ``ROLES`` says, whatever was there; groups of other names are left."""
    create_permissions(config, verbosity=0, using=using)
    permissions = {
        permission.codename: permission
        for permission in Permission.objects.using(using).filter(content_type__app_label="accounts")
    }
    for role, rights in ROLES.items():
        group, _created = Group.objects.using(using).get_or_create(name=role)
        group.permissions.set([permissions[str(right)] for right in rights])
