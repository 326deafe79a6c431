"""How the registry looks in a terminal and in JSON."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from rich.table import Table

from apps.accounts.commands import named
from apps.registry.documents import VersionDocument, VersionList
from apps.registry.models import ModelVersion
from apps.registry.pages import SPLIT_NAMES, comparison_sentence, engine_sentence, seen_sentences
from apps.registry.selectors import find_version, newest_versions
from apps.registry.standing import stages_of
from future_skills.comparison import Comparison
from future_skills.lifecycle import STAGE_NAMES, Stage
from future_skills.manifest import Metrics
from future_skills.split_notes import explain_note


def list_versions(*, limit: int, offset: int) -> dict[str, Any]:
    """A page of versions, newest first, in a constant number of queries."""
    rows = newest_versions(limit=limit, offset=offset)
    return VersionList.of(rows, ModelVersion.objects.count()).to_dict()


def versions_table(versions: Sequence[Mapping[str, Any]]) -> Table:
    """The history table."""
    table = Table(title=_("Versions, newest first"))
    for heading in (_("Version"), _("Stage"), _("Date"), _("Dataset"), _("Algorithm")):
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
        table.add_row(
            row["version"],
            _(STAGE_NAMES[Stage(row["stage"])]),
            row["date"][:10],
            f"{row['dataset']} {row['dataset_sha256'][:8]}",
            f"{row['algorithm']}, {row['feature_set']}",
            str(row["samples"]),
            row["test_period"] or "—",
            _figure(row["accuracy"]),
            _figure(row["f1_weighted"]),
            _figure(row["f1_macro"]),
            _figure(row["persistence_f1_macro"]) + ("‡" if row["same_rows_f1_macro"] is not None else ""),
            _figure(row["emergence_lift"], 1),
            _figure(row["precision_at_200"], 3),
        )
    if any(row["same_rows_f1_macro"] is not None for row in versions):
        table.caption = _(
            "‡ on the rows whose level now is known; “registry show” gives the version's score on these rows"
        )
    return table


def version_document(version: ModelVersion) -> dict[str, Any]:
    """Everything about a version, in JSON."""
    return VersionDocument.of(version).to_dict()


def version_lines(version: ModelVersion) -> Iterator[str]:
    """A version in words and figures, for a terminal."""
    manifest = version.words
    retraction = getattr(version, "retraction", None)
    stage = _(STAGE_NAMES[stages_of([version.pk])[version.pk]])
    yield f"{manifest.version} — {stage} — {manifest.algorithm}, {manifest.feature_set}"
    if retraction is not None:
        yield _("RETRACTED by {name}: {reason}").format(name=retraction.created_by, reason=retraction.reason)
    yield _("Trained {date} by {name} in {seconds} s; registered by {registrar}.").format(
        date=timezone.localtime(manifest.created_at).strftime("%Y-%m-%d %H:%M"),
        name=manifest.author,
        seconds=round(manifest.duration_s),
        registrar=version.registered_by,
    )
    if version.signature:
        yield _("Signed with the key {key}.").format(key=version.signature["key_id"][:12])
    else:
        yield _("Not signed: an administrator can, with registry keys --sign {version}.").format(version=version.name)
    yield _("Engine: {sentence}").format(sentence=engine_sentence(version.measured_engine))
    dataset = manifest.dataset
    yield _("Dataset: {name}, {rows} rows, periods {periods}, sha256 {sha256}.").format(
        name=dataset.name, rows=dataset.rows, periods=", ".join(dataset.periods) or "—", sha256=dataset.sha256
    )
    split = manifest.split
    yield _("Split: {kind}; {train} rows trained, {test} rows tested (period {period}).").format(
        kind=SPLIT_NAMES[split.kind],
        train=split.train_rows if split.train_rows_known else "?",
        test=split.test_rows,
        period=split.test_period or "—",
    )
    if split.note:
        yield explain_note(split.note, _)
    yield _("Hyperparameters: {words}.").format(
        words=", ".join(f"{name} {value}" for name, value in manifest.hyperparameters.items())
    )
    persistence = manifest.baselines.persistence
    same_rows = persistence and persistence.model_on_same_rows
    for name, metrics in {
        manifest.version: manifest.metrics,
        **(
            {_("{version} on the rows of “same as today”").format(version=manifest.version): same_rows}
            if same_rows
            else {}
        ),
        _("same as today"): persistence,
        _("rules (a rule, not a model)"): manifest.baselines.rules,
        _("majority"): manifest.baselines.majority,
    }.items():
        yield named(f"  {name}", _metrics_words(metrics) if metrics else "—")
    for file in manifest.files:
        yield f"  {file.name}  {file.bytes}  sha256 {file.sha256}"
    for label, text in ((_("Changes"), manifest.changes), (_("Notes"), manifest.notes)):
        if text:
            yield named(label, text)
    for note in version.notes.all():
        yield named(f"  {timezone.localtime(note.created_at):%Y-%m-%d %H:%M} {note.created_by}", note.text)


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


def comparison_lines(comparison: Comparison) -> Iterator[str]:
    """What a comparison says in words: on which rows it stands, or why there is none and what to run instead."""
    if comparison.command is not None:
        yield comparison_sentence(comparison)
    yield from seen_sentences(comparison)
    if comparison.command is not None:
        for version in map(find_version, (comparison.reference, comparison.challenger)):
            period = version.words.split.test_period
            if period is not None:
                yield _("{version} was tested on the rows of {period}.").format(version=version.name, period=period)
        yield _("To score both on the same rows: {command}").format(command=comparison.command)


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
