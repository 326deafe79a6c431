"""The audit log: one row per act, each sealed with the hash of the one before."""

from django.db import models


class AuditHead(models.Model):
    """The one row that holds the end of the chain; locking it puts writers in a queue.

    The database lets it move only forward, one event at a time (migration 0002).
    """

    sequence = models.PositiveBigIntegerField()
    hash = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"{self.sequence} {self.hash[:12]}"


class AuditEvent(models.Model):
    """Who did what, when, to which object, in the transaction of the act itself.

    ``hash`` = ``seal`` of every other field, ``previous_hash`` included, so an edit, a deletion,
    an insertion or a reordering breaks the chain at the first row it touches (see ``services.verify_chain``). The
    database itself refuses them too (migration 0002).
    """

    sequence = models.PositiveBigIntegerField(primary_key=True)
    at = models.DateTimeField()
    actor = models.CharField(max_length=150)
    actor_source = models.CharField(max_length=20)
    action = models.CharField(max_length=60)
    object_type = models.CharField(max_length=60)
    object_id = models.CharField(max_length=200)
    details = models.JSONField()
    previous_hash = models.CharField(max_length=64, unique=True)
    hash = models.CharField(max_length=64, unique=True)

    class Meta:
        ordering = ["sequence"]
        indexes = [
            models.Index(fields=["actor", "sequence"]),
            models.Index(fields=["action", "sequence"]),
            models.Index(fields=["object_id", "sequence"]),
            models.Index(fields=["at"]),
        ]

    def __str__(self) -> str:
        return f"{self.sequence} {self.actor} {self.action} {self.object_type} {self.object_id}"
