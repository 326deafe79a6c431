"""How the registry looks in a terminal and in JSON."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from rich.table import Table

from apps.registry.models import ModelVersion
from apps.registry.selectors import newest_versions
from future_skills.comparison import Comparison
from future_skills.manifest import Metrics


def list_versions(*, limit: int, offset: int) -> dict[str, Any]:
    """A page of versions, newest first, in a constant number of queries."""
    return {
        "total": ModelVersion.objects.count(),
        "versions": [
            {
                "version": row.name,
                "date": row.trained_at.isoformat(),
                "dataset": row.dataset,
                "dataset_sha256": row.test.dataset,
                "samples": row.rows,
                "test_period": row.test.period,
                "algorithm": row.algorithm,
                "feature_set": row.feature_set,
                "n_estimators": row.n_estimators,
                "accuracy": row.accuracy,
                "f1_weighted": row.f1_weighted,
                "f1_macro": row.f1_macro,
                "persistence_f1_macro": row.persistence_f1_macro,
                "emergence_lift": row.lift,
                "precision_at_200": row.precision_at_200,
                "registered_by": row.registered_by,
                "retracted": row.retracted,
            }
            for row in newest_versions(limit=limit, offset=offset)
        ],
    }


def versions_table(versions: Sequence[Mapping[str, Any]]) -> Table:
    """The history table."""
    table = Table(title=_("Versions, newest first"))
    for heading in (_("Version"), _("Date"), _("Dataset"), _("Algorithm")):
        table.add_column(heading, overflow="fold")
    for heading in (
        _("Rows"),
        _("Test"),
        _("Accuracy"),
        _("F1 weighted"),
        _("F1 macro"),
        _("same as today"),
        _("Lift"),
        _("At 200"),
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in versions:
        name = row["version"] + (" " + _("(retracted)") if row["retracted"] else "")
        table.add_row(
            name,
            row["date"][:10],
            f"{row['dataset']} {row['dataset_sha256'][:8]}",
            f"{row['algorithm']}, {row['feature_set']}",
            str(row["samples"]),
            row["test_period"] or "—",
            _figure(row["accuracy"]),
            _figure(row["f1_weighted"]),
            _figure(row["f1_macro"]),
            _figure(row["persistence_f1_macro"]),
            _figure(row["emergence_lift"], 1),
            _figure(row["precision_at_200"], 3),
        )
    return table


def version_document(version: ModelVersion) -> dict[str, Any]:
    """Everything about a version, in JSON."""
    retraction = getattr(version, "retraction", None)
    return {
        "version": version.name,
        "registered_at": version.registered_at.isoformat(),
        "registered_by": version.registered_by,
        "manifest_sha256": version.manifest_sha256,
        "model_sha256": version.model_sha256,
        "dataset_kept": version.dataset_id is not None,
        "notes": [
            {"at": note.created_at.isoformat(), "by": note.created_by, "text": note.text}
            for note in version.notes.all()
        ],
        "retracted": None
        if retraction is None
        else {"at": retraction.created_at.isoformat(), "by": retraction.created_by, "reason": retraction.reason},
        "manifest": version.manifest,
    }


def version_lines(version: ModelVersion) -> Iterator[str]:
    """A version in words and figures, for a terminal."""
    manifest = version.words
    retraction = getattr(version, "retraction", None)
    yield f"{manifest.version} — {manifest.algorithm}, {manifest.feature_set}"
    if retraction is not None:
        yield _("RETRACTED by {name}: {reason}").format(name=retraction.created_by, reason=retraction.reason)
    yield _("Trained {date} by {name} in {seconds} s; registered by {registrar}.").format(
        date=timezone.localtime(manifest.created_at).strftime("%Y-%m-%d %H:%M"),
        name=manifest.author,
        seconds=round(manifest.duration_s),
        registrar=version.registered_by,
    )
    dataset = manifest.dataset
    yield _("Dataset: {name}, {rows} rows, periods {periods}, sha256 {sha256}.").format(
        name=dataset.name, rows=dataset.rows, periods=", ".join(dataset.periods) or "—", sha256=dataset.sha256
    )
    split = manifest.split
    yield _("Split: {kind}; {train} rows trained, {test} rows tested (period {period}).").format(
        kind=split.kind, train=split.train_rows, test=split.test_rows, period=split.test_period or "—"
    )
    yield _("Hyperparameters: {words}.").format(
        words=", ".join(f"{name} {value}" for name, value in manifest.hyperparameters.items())
    )
    for name, metrics in {
        manifest.version: manifest.metrics,
        _("same as today"): manifest.baselines.persistence,
        _("rules (a rule, not a model)"): manifest.baselines.rules,
        _("majority"): manifest.baselines.majority,
    }.items():
        yield f"  {name}: " + (_metrics_words(metrics) if metrics else "—")
    for file in manifest.files:
        yield f"  {file.name}  {file.bytes}  sha256 {file.sha256}"
    for label, text in ((_("Changes"), manifest.changes), (_("Notes"), manifest.notes)):
        if text:
            yield f"{label}: {text}"
    for note in version.notes.all():
        yield f"  {timezone.localtime(note.created_at):%Y-%m-%d %H:%M} {note.created_by}: {note.text}"


def _metrics_words(metrics: Metrics) -> str:
    emergence = metrics.emergence
    return _(
        "accuracy {accuracy}, F1 weighted {weighted}, F1 macro {macro}, precision LOW {low} MEDIUM {medium} HIGH {high}, "
        "emergence lift {lift}, precision at 200 {at_200} ({rows} rows)"
    ).format(
        accuracy=_figure(metrics.accuracy),
        weighted=_figure(metrics.f1_weighted),
        macro=_figure(metrics.f1_macro),
        low=_figure(metrics.per_class["LOW"].precision, 3),
        medium=_figure(metrics.per_class["MEDIUM"].precision, 3),
        high=_figure(metrics.per_class["HIGH"].precision, 3),
        lift=_figure(emergence.lift if emergence else None, 1),
        at_200=_figure(emergence.precision_at_200 if emergence else None, 3),
        rows=metrics.rows,
    )


def comparison_table(comparison: Comparison) -> Table:
    """Paired differences, with their 90 % intervals."""
    table = Table(title=_("{rows} test rows in common").format(rows=comparison.rows))
    for heading in (_("Metric"), comparison.reference, comparison.challenger, _("Difference"), _("90 % interval")):
        table.add_column(heading, justify="left" if heading == _("Metric") else "right")
    for difference in comparison.differences:
        table.add_row(
            difference.metric,
            _figure(difference.reference),
            _figure(difference.challenger),
            f"{difference.difference:+.4f}",
            f"{difference.low:+.4f} … {difference.high:+.4f}",
        )
    return table


def _figure(value: float | None, decimals: int = 4) -> str:
    return "—" if value is None else f"{value:.{decimals}f}"
