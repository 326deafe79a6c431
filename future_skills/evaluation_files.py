"""The files of an evaluation: Markdown, JSON and figures (SVG), written whole or not at all."""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from future_skills import charts, targets
from future_skills.errors import UsageError, translatable
from future_skills.evaluation import EvaluationReport
from future_skills.evaluation_text import BASELINE_NAMES, markdown
from future_skills.files import written_whole
from future_skills.formatting import Language
from future_skills.manifest import Metrics

MARKDOWN_NAME: Final = "evaluation.md"
JSON_NAME: Final = "evaluation.json"

_TARGETS: Final = {"accuracy": targets.ACCURACY, "f1_weighted": targets.F1_WEIGHTED}
_RANKING_METRICS: Final = frozenset({"lift", "precision_at_200"})
_OVER_VERSIONS: Final = ("f1_macro", "lift", "precision_at_200", "accuracy", "f1_weighted")


def figures(report: EvaluationReport, language: Language) -> dict[str, str]:
    """Every figure: file name -> SVG that looks right alone."""
    labels = charts.LABELS[language]
    scored = [one for one in report.versions if one.metrics is not None]
    drawn = {
        "metrics.svg": charts.metrics_over_versions(metric_series(report, language), labels=labels, standalone=True),
        "calibration.svg": charts.calibration(
            [
                charts.CalibrationCurve(one.name, tuple(charts.CalibrationBin(*bin_) for bin_ in one.calibration))
                for one in scored
            ],
            labels=labels,
            standalone=True,
        ),
        "importances.svg": charts.importances(
            [
                charts.ImportanceSet(
                    one.name, {name: value.f1_macro for name, value in one.manifest.importances.items()}
                )
                for one in report.versions
            ],
            labels=labels,
            standalone=True,
        ),
        "emergence.svg": charts.emergence_curve(
            [
                charts.EmergenceCurve(one.name, tuple(charts.EmergencePoint(*point) for point in one.emergence_curve))
                for one in scored
            ],
            base_rate=_base_rate(report),
            labels=labels,
            standalone=True,
        ),
    }
    for one in scored:
        if one.metrics is not None:
            drawn[f"confusion_{one.name}.svg"] = charts.confusion_matrix(
                one.metrics.confusion_matrix, name=one.name, labels=labels, standalone=True
            )
        if one.to_persistence is not None:
            drawn[f"differences_{one.name}.svg"] = charts.differences(
                one.to_persistence.differences,
                reference=BASELINE_NAMES[language]["persistence"],
                challenger=one.name,
                labels=labels,
                standalone=True,
            )
    return drawn


def metric_series(report: EvaluationReport, language: Language) -> list[charts.MetricSeries]:
    """Metrics of the scored versions, with the baselines and the written targets."""
    series = []
    for metric in _OVER_VERSIONS:
        points = tuple(
            charts.VersionPoint(one.name, _value(one.metrics, metric), *one.intervals.get(metric, (None, None)))
            for one in report.versions
            if one.metrics is not None
        )
        lines = (
            _chance(report, metric, language) if metric in _RANKING_METRICS else _baselines(report, metric, language)
        )
        if metric in _TARGETS:
            lines.append(charts.ReferenceLine(charts.LABELS[language].target, _TARGETS[metric], "target"))
        series.append(charts.MetricSeries(metric, points, tuple(lines)))
    return series


def _baselines(report: EvaluationReport, metric: str, language: Language) -> list[charts.ReferenceLine]:
    return [
        charts.ReferenceLine(name, value)
        for key, name in BASELINE_NAMES[language].items()
        for value in [_value(getattr(report.baselines, key), metric)]
        if value is not None
    ]


def _chance(report: EvaluationReport, metric: str, language: Language) -> list[charts.ReferenceLine]:
    """What ranking at random gives: the baselines rank nothing."""
    rate = 1.0 if metric == "lift" else _base_rate(report)
    return [] if rate is None else [charts.ReferenceLine(charts.LABELS[language].chance, rate)]


def _value(metrics: Metrics | None, metric: str) -> float | None:
    if metrics is None:
        return None
    if metric in _RANKING_METRICS:
        found: float | None = getattr(metrics.emergence, metric) if metrics.emergence else None
        return found
    return float(getattr(metrics, metric))


def _base_rate(report: EvaluationReport) -> float | None:
    for one in report.versions:
        if one.metrics is not None and one.metrics.emergence is not None:
            return one.metrics.emergence.base_rate
    return None


def require_folder(folder: Path) -> None:
    """Refuse early a folder that cannot be one.

    Raises:
        UsageError: a file stands there.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(translatable("{path}: a folder is needed, and a file stands there."), path=str(folder))


def write_report(report: EvaluationReport, folder: Path, *, language: Language) -> list[Path]:
    """Write the report and its figures into ``folder``; figures of an earlier evaluation there are taken away.

    Returns:
        The files written, the Markdown first.

    Raises:
        UsageError: the folder cannot be written; nothing was.
    """
    drawn = figures(report, language)
    names = [MARKDOWN_NAME, JSON_NAME, *drawn]
    document = {**report.to_dict(), "files": names}
    contents = {
        MARKDOWN_NAME: markdown(report, language, figures=list(drawn)),
        JSON_NAME: json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n",
        **drawn,
    }
    try:
        earlier = _earlier_figures(folder)
        write_together(folder, contents)
        for name in earlier - set(names):
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(
            translatable("{path}: cannot be written ({problem})."),
            path=str(folder),
            problem=error.strerror or str(error),
        ) from error
    return [folder / name for name in names]


def write_together(folder: Path, contents: Mapping[str, str]) -> None:
    """Write several files: all are complete on disk before the first one takes its place."""
    with ExitStack() as files:
        for name, text in contents.items():
            files.enter_context(written_whole(folder / name)).write_text(text, encoding="utf-8")


def _earlier_figures(folder: Path) -> set[str]:
    """Figures that an earlier evaluation says it wrote in this folder."""
    try:
        document = json.loads((folder / JSON_NAME).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return set()
    names = document.get("files", []) if isinstance(document, dict) else []
    return {name for name in names if isinstance(name, str) and Path(name).name == name and name.endswith(".svg")}
