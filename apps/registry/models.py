"""The registry's rows. Facts are appended; nothing here is edited after it was written."""

from typing import Any

from django.db import models
from django.db.models import Q

from future_skills.manifest import VERSION_NAME_PATTERN, Manifest


class Dataset(models.Model):
    """A dataset, known by the sha256 of its bytes; a copy is kept in the artifact store.

    ``card`` is the dataset card: periods, class distribution, per-feature summary, how labels were made.
    """

    name = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64, unique=True)
    bytes = models.PositiveBigIntegerField()
    rows = models.PositiveBigIntegerField()
    card = models.JSONField()
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.name} ({self.sha256[:12]})"


class ModelVersion(models.Model):
    """A registered version: the manifest's words, the hashes of its files, who registered it.

    The columns beside ``manifest`` are copies of its keys, for sorting and for pages of ten thousand versions; they are
    written once, by ``services.versions.register_version``, from the manifest.
    """

    name = models.CharField(max_length=64, unique=True)
    manifest_sha256 = models.CharField(max_length=64)
    model_sha256 = models.CharField(max_length=64)
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, null=True, related_name="versions")
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="children")
    trained_at = models.DateTimeField()
    registered_at = models.DateTimeField()
    registered_by = models.CharField(max_length=150)
    accuracy = models.FloatField()
    f1_weighted = models.FloatField()
    f1_macro = models.FloatField()
    persistence_f1_macro = models.FloatField(null=True)
    emergence_lift = models.FloatField(null=True)
    emergence_precision_at_200 = models.FloatField(null=True)
    manifest = models.JSONField()  # last, so that sorting by the others does not read past it

    class Meta:
        ordering = ["trained_at", "id"]
        indexes = [
            models.Index(fields=["-trained_at", "-id"], name="version_by_date"),
            models.Index(fields=["f1_macro"], name="version_by_f1_macro"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(name__regex=VERSION_NAME_PATTERN), name="version_name_is_valid"),
        ]

    def __str__(self) -> str:
        return self.name

    @staticmethod
    def copied_columns(manifest: Manifest) -> dict[str, Any]:
        """The columns that are copies of the manifest's keys."""
        metrics, persistence = manifest.metrics, manifest.baselines.persistence
        emergence = metrics.emergence
        return {
            "name": manifest.version,
            "manifest": manifest.model_dump(mode="json"),
            "model_sha256": manifest.file(".pkl").sha256,
            "trained_at": manifest.created_at,
            "accuracy": metrics.accuracy,
            "f1_weighted": metrics.f1_weighted,
            "f1_macro": metrics.f1_macro,
            "persistence_f1_macro": persistence.f1_macro if persistence else None,
            "emergence_lift": emergence.lift if emergence else None,
            "emergence_precision_at_200": emergence.precision_at_200 if emergence else None,
        }

    @property
    def words(self) -> Manifest:
        """The manifest as typed objects."""
        return Manifest.model_validate(self.manifest)


class VersionNote(models.Model):
    """A dated, named line about a version (« documenter le changement »)."""

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="notes")
    text = models.TextField()
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)

    class Meta:
        ordering = ["created_at", "id"]

    def __str__(self) -> str:
        return f"{self.version_id}: {self.text[:60]}"


class Retraction(models.Model):
    """A version that must not be used any more. Its number is never used again."""

    version = models.OneToOneField(ModelVersion, on_delete=models.PROTECT, related_name="retraction")
    reason = models.TextField()
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)

    def __str__(self) -> str:
        return f"{self.version_id}: {self.reason[:60]}"
