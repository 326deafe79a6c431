"""Rights as Django permissions, the tokens of people who act from a terminal or through the API, and how much they ask."""

from django.conf import settings
from django.db import models

from apps.accounts.rights import Right


class Rights(models.Model):  # noqa: DJ008
    """No table and no row: Django wants a model to hang the permissions ``accounts.<right>`` on."""

    class Meta:
        managed = False
        default_permissions = ()
        permissions = [(str(right), str(right)) for right in Right]


class ApiToken(models.Model):
    """What proves who acts where nobody can log in. The secret is shown once and never stored: its sha256 is.

    Attributes:
        prefix: first characters of the secret, to recognise it by.
        digest: sha256 of the whole secret, hexadecimal.
        scopes: the rights it may use, of those its person has at that moment.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="api_tokens")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=16, unique=True)
    digest = models.CharField(max_length=64)
    scopes = models.JSONField()
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.CharField(max_length=150, blank=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.prefix}… {self.name}"

    @property
    def rights(self) -> list[Right]:
        """Its scopes, in the order of ``Right``; one that exists no more is none."""
        return [right for right in Right if right in self.scopes]


class ApiUse(models.Model):
    """How often one person asked one server process in one minute; kept for that minute and the next (see ``limits``).

    Attributes:
        name: user name of the person.
        minute: whole minutes since 1970.
        process: machine and number of the process.
    """

    name = models.CharField(max_length=150)
    minute = models.PositiveBigIntegerField()
    process = models.CharField(max_length=300)
    requests = models.PositiveBigIntegerField()

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["minute", "name", "process"], name="api_use_one_per_process")]

    def __str__(self) -> str:
        return f"{self.name} {self.minute} {self.process}: {self.requests}"
