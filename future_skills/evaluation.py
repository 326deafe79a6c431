"""Versions and baselines on the same rows, and the paired differences between two of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from future_skills import evaluation_text, schema
from future_skills.artifact import LoadedVersion, load_version
from future_skills.bootstrap import METRICS, SEED, Replicates, mcnemar_mid_p, replicates
from future_skills.comparison import CONFIDENCE, DRAWS, Comparison, Difference, dumped_metrics
from future_skills.dataset import Dataset, class_distribution, read_dataset, row_hashes
from future_skills.errors import ManifestError, MissingFeaturesError, NotEnoughDataError, UsageError, translatable
from future_skills.formatting import Language
from future_skills.manifest import Baselines, Manifest, Metrics
from future_skills.metrics import (
    HIGH_RANK,
    Ranks,
    Scores,
    calibration_table,
    measure,
    measure_persistence,
    model_scores,
    ranks,
)
from future_skills.split import RowSplit
from future_skills.training import Progress, history_frame, measure_baselines, rows_frame

PERSISTENCE = "persistence"
"""Name of the baseline "same as today" in a comparison."""

METRICS_TOLERANCE = 1e-9
"""How far a metric of a manifest may be from the one that its rows give."""

CURVE_PLACES = (10, 20, 30, 50, 75, 100, 150, 200, 300, 400, 500, 750, 1_000, 1_500, 2_000)
"""How many of the rows ranked highest the emergence curve looks at."""


@dataclass(frozen=True, slots=True)
class TestRows:
    """Rows that models are scored on.

    Attributes:
        truth: what happened, ranks, shape (rows,).
        current: the level now, ranks, -1 where unknown, shape (rows,).
        roles: index of each row's role, shape (rows,).
        skills: index of each row's skill, shape (rows,).
    """

    __test__ = False

    truth: Ranks
    current: Ranks
    roles: Ranks
    skills: Ranks

    @classmethod
    def of(cls, frame: pl.DataFrame) -> "TestRows":
        """From a frame with role, skill, label and the level now."""
        return cls(
            truth=ranks(frame[schema.LABEL]),
            current=ranks(frame[schema.CURRENT_LEVEL]),
            roles=_index(frame[schema.ROLE]),
            skills=_index(frame[schema.SKILL]),
        )

    def where(self, kept: npt.NDArray[np.bool_]) -> "TestRows":
        """Some of the rows; ``kept`` is a mask, shape (rows,)."""
        return TestRows(
            truth=self.truth[kept],
            current=self.current[kept],
            roles=np.unique(self.roles[kept], return_inverse=True)[1],
            skills=np.unique(self.skills[kept], return_inverse=True)[1],
        )

    def replicates(
        self, models: Sequence[Scores], *, draws: int, seed: int, probability_metrics: bool = False
    ) -> Replicates:
        """Metrics of ``models`` in each draw of the two-way bootstrap (see ``bootstrap``)."""
        return replicates(
            truth=self.truth,
            models=models,
            current=self.current,
            roles=self.roles,
            skills=self.skills,
            draws=draws,
            seed=seed,
            probability_metrics=probability_metrics,
        )


def _index(names: pl.Series) -> Ranks:
    """Each name as a number from 0, in order of the names: the draws do not depend on the order of the rows."""
    return (names.rank("dense") - 1).cast(pl.Int64).to_numpy()


# --- One version ------------------------------------------------------------------------------------------------------


def check_metrics(manifest: Manifest, rows: pl.DataFrame, *, path: str) -> None:
    """Refuse a manifest whose figures are not those of its own rows file; no model is opened.

    Args:
        manifest: what the version says of itself.
        rows: its rows file (``training.rows_frame``), checked.
        path: of the manifest, for the message.

    Raises:
        ManifestError: names the first figure that differs.
    """
    test = rows.filter(pl.col("part") == "test")
    if test.is_empty():
        raise ManifestError(path=path, problem="its rows file holds no test row")
    truth, scores, current = ranks(test[schema.LABEL]), rows_scores(test), ranks(test[schema.CURRENT_LEVEL])
    persistence = measure_persistence(truth, scores, current)
    said = {
        "metrics": manifest.metrics.model_dump(),
        "baselines": {PERSISTENCE: manifest.baselines.persistence and manifest.baselines.persistence.model_dump()},
        "split": {"train_rows": manifest.split.train_rows, "test_rows": manifest.split.test_rows},
    }
    found = {
        "metrics": measure(truth, scores, current).model_dump(),
        "baselines": {PERSISTENCE: persistence and persistence.model_dump()},
        "split": {"train_rows": len(rows) - len(test), "test_rows": len(test)},
    }
    difference = _first_difference(said, found)
    if difference is not None:
        name, of_manifest, of_rows = difference
        raise ManifestError(
            translatable("{path} does not tell the truth: {name} is {said} there, and its own test rows give {found}."),
            hint=translatable("Nothing was registered. Restore the original file, or train again under another name."),
            path=path,
            name=name,
            said=of_manifest,
            found=of_rows,
        )


def _first_difference(said: Any, found: Any, name: str = "") -> tuple[str, Any, Any] | None:
    """Dotted name and both values of the first figure that differs; the words of ``reasons`` are no figures."""
    if isinstance(said, dict) and isinstance(found, dict):
        inner = [(f"{name}.{key}".lstrip("."), key) for key in {**said, **found} if key != "reasons"]
        differences = (_first_difference(said.get(key), found.get(key), dotted) for dotted, key in inner)
        return next((one for one in differences if one is not None), None)
    if isinstance(said, float) and isinstance(found, float) and abs(said - found) <= METRICS_TOLERANCE:
        return None
    return None if said == found else (name, said, found)


# --- Two versions -----------------------------------------------------------------------------------------------------


def compare(
    reference: tuple[str, pl.DataFrame], challenger: tuple[str, pl.DataFrame], *, draws: int = DRAWS, seed: int = SEED
) -> Comparison:
    """Compare two versions on the test rows that both were tested on and neither trained on.

    Rows are found by their hash (``dataset.row_hashes``). Where the two datasets disagree on a row's level (a corrected
    fact), the challenger's is taken.

    Args:
        reference: name, and rows file (``training.rows_frame``).
        challenger: likewise.
        draws: of the two-way bootstrap.
        seed: of the draws.
    """
    (old_name, old), (new_name, new) = reference, challenger
    old_test, new_test = _part(old, "test"), _part(new, "test")
    old_train, new_train = _part(old, "train"), _part(new, "train")
    seen: dict[str, int | None] = {
        old_name: len(new_test.join(old_train, on="row_hash", how="semi")),
        new_name: len(old_test.join(new_train, on="row_hash", how="semi")),
    }
    trained_on = pl.concat([old_train.select("row_hash"), new_train.select("row_hash")])
    shared = new_test.join(old_test.select("row_hash"), on="row_hash", how="semi").join(
        trained_on, on="row_hash", how="anti"
    )
    shared = shared.sort("row")
    theirs = shared.select("row_hash").join(old_test, on="row_hash", how="left", maintain_order="left")
    if shared.is_empty():
        return Comparison(
            reference=old_name,
            challenger=new_name,
            rows=0,
            seen=seen,
            reference_metrics=None,
            challenger_metrics=None,
            differences=(),
            reference_only_right=0,
            challenger_only_right=0,
            mcnemar_p=None,
            reason=_no_shared_row(any(seen.values())),
        )
    rows = TestRows.of(shared)
    scores = (rows_scores(theirs), rows_scores(shared))
    drawn = rows.replicates(scores, draws=draws, seed=seed)
    return compared((old_name, new_name), rows, scores, drawn, (0, 1), seen=seen)


def _no_shared_row(trained_on_the_others: bool) -> str:
    if trained_on_the_others:
        return translatable("one trained on rows that the other is tested on, and no other test row is shared")
    return translatable("no test row is shared")


def _part(rows: pl.DataFrame, part: str) -> pl.DataFrame:
    """Rows of a part, each identity once."""
    return rows.filter(pl.col("part") == part).unique("row_hash", keep="first")


def rows_scores(rows: pl.DataFrame) -> Scores:
    """What a rows file says of test rows."""
    names = [level.lower() for level in schema.LEVELS]
    known = all(name in rows.columns for name in names)
    return Scores(ranks(rows["predicted"]), rows.select(names).to_numpy() if known else None)


def compared(
    names: tuple[str, str],
    rows: TestRows,
    scores: tuple[Scores, Scores],
    drawn: Replicates,
    places: tuple[int, int],
    *,
    seen: dict[str, int | None],
) -> Comparison:
    """The comparison of two models on the same rows.

    Args:
        names: reference, challenger.
        rows: the rows.
        scores: of the two models.
        drawn: bootstrap of these models, and others perhaps, on these rows.
        places: which of the models of ``drawn`` they are.
        seen: see ``Comparison``.
    """
    metrics = [measure(rows.truth, one, rows.current) for one in scores]
    differences = []
    for metric in METRICS:
        old, new = (metric_value(one, metric) for one in metrics)
        interval = drawn.interval(metric, challenger=places[1], reference=places[0])
        if old is not None and new is not None and interval is not None:
            differences.append(Difference(metric, old, new, *interval))
    old_right, new_right = (one.predicted == rows.truth for one in scores)
    old_only, new_only = int(np.sum(old_right & ~new_right)), int(np.sum(new_right & ~old_right))
    return Comparison(
        reference=names[0],
        challenger=names[1],
        rows=len(rows.truth),
        seen=seen,
        reference_metrics=metrics[0],
        challenger_metrics=metrics[1],
        differences=tuple(differences),
        reference_only_right=old_only,
        challenger_only_right=new_only,
        mcnemar_p=mcnemar_mid_p(old_only, new_only),
        reason=None,
    )


def metric_value(metrics: Metrics, metric: str) -> float | None:
    """One of ``bootstrap.METRICS``; None where it could not be computed."""
    if metric == "emergence":
        return metrics.emergence.average_precision if metrics.emergence else None
    return float(getattr(metrics, metric))


# --- All versions and the baselines -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class VersionResult:
    """One version on the rows of an evaluation.

    Attributes:
        manifest: what it says of itself; importances are measured on its own test rows.
        seen: how many of the rows it trained on; None where that is not known, for it was trained elsewhere. It is ranked,
            and compared with others, only where it is 0.
        rank: 1 for the best macro F1; None where it is not ranked.
        metrics: on all the rows; None where it could not be scored.
        known_metrics: on the rows whose level now is known, where these are not all of them.
        intervals: metric -> 90 % interval of its own value (two-way bootstrap); empty where it is not ranked.
        refusal: why it could not be scored, or None.
        to_persistence: against "same as today", on the rows whose level now is known.
        to_best: against the version ranked first; None for that one.
        to_previous: against the ranked version given just before it.
        calibration: mean confidence, share right and rows of each bin (``metrics.calibration_table``).
        emergence_curve: k, share that became HIGH among the k highest P(HIGH), share of all that did.
    """

    manifest: Manifest
    seen: int | None
    rank: int | None
    metrics: Metrics | None
    known_metrics: Metrics | None
    intervals: dict[str, tuple[float, float]]
    refusal: MissingFeaturesError | None
    to_persistence: Comparison | None
    to_best: Comparison | None
    to_previous: Comparison | None
    calibration: tuple[tuple[float, float, int], ...]
    emergence_curve: tuple[tuple[int, float, float], ...]

    @property
    def name(self) -> str:
        """The version."""
        return self.manifest.version

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        pairs = {"to_persistence": self.to_persistence, "to_best": self.to_best, "to_previous": self.to_previous}
        return {
            "version": self.name,
            "rank": self.rank,
            "seen": self.seen,
            "refusal": None if self.refusal is None else self.refusal.explain(),
            "algorithm": self.manifest.algorithm,
            "feature_set": self.manifest.feature_set,
            "created_at": self.manifest.created_at.isoformat(),
            "metrics": dumped_metrics(self.metrics),
            "metrics_where_level_known": dumped_metrics(self.known_metrics),
            "intervals": {metric: list(ends) for metric, ends in self.intervals.items()},
            **{name: None if pair is None else pair.to_dict() for name, pair in pairs.items()},
            "calibration": [
                {"confidence": confidence, "share_right": right, "rows": rows}
                for confidence, right, rows in self.calibration
            ],
            "emergence_curve": [
                {"k": k, "precision": precision, "share_found": found} for k, precision, found in self.emergence_curve
            ],
            "importances": {name: importance.model_dump() for name, importance in self.manifest.importances.items()},
        }


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """Versions and baselines on the same rows.

    Attributes:
        dataset: file name of the dataset.
        dataset_sha256: of its bytes.
        period: period of the rows; None where the dataset has none.
        rows: how many.
        left_out: rows that some version trained on, left out for all; always 0 where the rows have periods.
        known_rows: rows whose level now is known: those that "same as today" answers.
        roles: job roles among the rows.
        skills: skills among the rows.
        distribution: what happened: level -> rows.
        baselines: on the same rows.
        versions: in the order given.
        draws: of the two-way bootstrap.
        seed: of the draws.
    """

    dataset: str
    dataset_sha256: str
    period: str | None
    rows: int
    left_out: int
    known_rows: int
    roles: int
    skills: int
    distribution: dict[str, int]
    baselines: Baselines
    versions: tuple[VersionResult, ...]
    draws: int
    seed: int

    @property
    def ranking(self) -> tuple[VersionResult, ...]:
        """The ranked versions, best first."""
        ranked = [one for one in self.versions if one.rank is not None]
        return tuple(sorted(ranked, key=lambda one: one.rank or 0))

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "dataset": {"name": self.dataset, "sha256": self.dataset_sha256},
            "test": {
                "period": self.period,
                "rows": self.rows,
                "left_out": self.left_out,
                "known_rows": self.known_rows,
                "roles": self.roles,
                "skills": self.skills,
                "class_distribution": self.distribution,
            },
            "ranked_by": "f1_macro",
            "ranking": [one.name for one in self.ranking],
            "baselines": self.baselines.model_dump(mode="json"),
            "versions": [one.to_dict() for one in self.versions],
            "bootstrap": {"draws": self.draws, "seed": self.seed, "confidence": CONFIDENCE, "clusters": "role, skill"},
        }

    def to_markdown(self, language: Language = "fr") -> str:
        """The report for people."""
        return evaluation_text.markdown(self, language)


def evaluate(
    versions: Sequence[LoadedVersion | Path | str],
    dataset: Dataset | Path | str,
    *,
    test_period: str | None = None,
    draws: int = DRAWS,
    seed: int = SEED,
    on_step: Callable[[str], None] | None = None,
) -> EvaluationReport:
    """Score versions and baselines on the same rows, and rank the versions by macro F1.

    The rows are those of the latest labelled period (or ``test_period``); where rows have no period, all those that no
    version trained on. A version that trained on any of them, or that may have (it was trained elsewhere), is scored and
    not ranked.

    Args:
        versions: loaded versions, or paths of their ``.pkl``; oldest first.
        dataset: a dataset, or the path of one.
        test_period: a period of the dataset.
        draws: of the two-way bootstrap.
        seed: of the draws.
        on_step: called with the name of each step as it begins.

    Raises:
        UsageError: no version, one given twice, or a period that is not in the dataset.
        NotEnoughDataError: no row is left.
        ArtifactError, DataError: a file cannot be used.
    """
    tell: Progress = on_step or _silent
    loaded = [one if isinstance(one, LoadedVersion) else load_version(one) for one in versions]
    _require_distinct([one.manifest.version for one in loaded])
    if not isinstance(dataset, Dataset):
        tell(translatable("read the dataset"))
        dataset = read_dataset(Path(dataset))
    tell(translatable("find the rows"))
    chosen = _choose_rows(dataset, loaded, test_period)
    entries = _score_all(dataset, loaded, chosen, tell)
    rows, test = chosen.rows, dataset.frame.filter(chosen.test)
    known = rows.current >= 0
    tell(translatable("draw the bootstrap samples"))
    compared_entries = [one for one in entries if one.is_compared]
    pairs = _Pairs.of(rows, compared_entries, draws=draws, seed=seed)
    order = sorted(compared_entries, key=_ranking_key)
    previous: _Entry | None = None
    results = []
    for entry in entries:
        results.append(_result(entry, order, previous, pairs, rows))
        previous = entry if entry.is_compared else previous
    return EvaluationReport(
        dataset=dataset.name,
        dataset_sha256=dataset.sha256,
        period=chosen.period,
        rows=len(test),
        left_out=chosen.left_out,
        known_rows=int(known.sum()),
        roles=test[schema.ROLE].n_unique(),
        skills=test[schema.SKILL].n_unique(),
        distribution=class_distribution(test),
        baselines=_baselines(dataset.frame.filter(chosen.training), test),
        versions=tuple(results),
        draws=draws,
        seed=seed,
    )


def _silent(step: str) -> None:
    del step


def _require_distinct(names: list[str]) -> None:
    if not names:
        raise UsageError(
            translatable("There is no version to evaluate."),
            hint=translatable("Train one: python ml/train_future_skills_model.py --version v1"),
        )
    for name in names:
        if names.count(name) > 1:
            raise UsageError(translatable("Version {version} is given twice."), version=name)


@dataclass(frozen=True, slots=True)
class _ChosenRows:
    """The rows to score on: ``test`` and ``training`` (for the majority baseline) are masks, shape (dataset rows,)."""

    test: npt.NDArray[np.bool_]
    training: npt.NDArray[np.bool_]
    period: str | None
    left_out: int
    seen: dict[str, int | None]
    rows: TestRows


def _choose_rows(dataset: Dataset, loaded: Sequence[LoadedVersion], test_period: str | None) -> _ChosenRows:
    frame = dataset.frame
    hashes = pl.Series("row_hash", row_hashes(frame))
    trained_on = {
        one.manifest.version: hashes.is_in(_part(one.rows(), "train")["row_hash"].implode()).to_numpy()
        for one in loaded
    }
    by_any: npt.NDArray[np.bool_] = np.logical_or.reduce(list(trained_on.values()))
    if dataset.has_periods:
        period = test_period or dataset.periods[-1]
        if period not in dataset.periods:
            raise UsageError(
                translatable("There is no labelled row of period {period}. Labelled periods: {periods}."),
                period=period,
                periods=", ".join(dataset.periods),
            )
        test = (frame[schema.PERIOD] == period).to_numpy()
        training = ((frame[schema.LABEL_PERIOD] <= period) & (frame[schema.PERIOD] < period)).to_numpy()
        left_out = 0
    elif test_period is not None:
        raise UsageError(
            translatable("{name} does not say the period of every row: --test-period cannot be used."),
            name=dataset.name,
        )
    else:
        period, test, training, left_out = None, ~by_any, by_any, int(by_any.sum())
    if not test.any():
        raise NotEnoughDataError(
            translatable("Every row of {name} was trained on by one of the versions: {versions}."),
            hint=translatable("Evaluate on rows that none of them trained on, or fewer versions at a time."),
            name=dataset.name,
            versions=", ".join(trained_on),
        )
    seen = {
        one.manifest.version: int((trained_on[one.manifest.version] & test).sum())
        if one.manifest.split.train_rows_known
        else None
        for one in loaded
    }
    return _ChosenRows(test, training, period, left_out, seen, TestRows.of(frame.filter(test)))


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    """A version and what it says of the rows."""

    manifest: Manifest
    seen: int | None
    scores: Scores | None
    metrics: Metrics | None
    refusal: MissingFeaturesError | None

    @property
    def is_compared(self) -> bool:
        """Whether it was scored on rows it never saw."""
        return self.metrics is not None and self.seen == 0


def _score_all(dataset: Dataset, loaded: Sequence[LoadedVersion], chosen: _ChosenRows, tell: Progress) -> list[_Entry]:
    """Score each version; history features that the file lacks are derived from its own earlier rows."""
    frame = dataset.frame
    entries = []
    for one in loaded:
        manifest = one.manifest
        if frame is dataset.frame and dataset.has_periods and _missing(manifest, frame):
            tell(translatable("add the history features"))
            frame = history_frame(dataset)
        missing = _missing(manifest, frame)
        scores = metrics = refusal = None
        if missing:
            refusal = MissingFeaturesError(columns=", ".join(missing))
        else:
            tell(translatable("score a version"))
            scores = model_scores(one.model, frame.filter(chosen.test))
            metrics = measure(chosen.rows.truth, scores, chosen.rows.current)
        entries.append(_Entry(manifest, chosen.seen[manifest.version], scores, metrics, refusal))
    return entries


def answers_on(version: LoadedVersion, dataset: Dataset, wanted: pl.Series) -> pl.DataFrame:
    """What a version says of some rows of a dataset, in the shape of the test part of a rows file.

    Args:
        version: the version, opened.
        dataset: where the rows are.
        wanted: their hashes (UInt64), any order.

    Returns:
        One row per row found, in the order of the dataset: ``training.rows_frame``'s test rows.

    Raises:
        MissingFeaturesError: the dataset lacks a feature that the model reads.
    """
    found = pl.Series("row_hash", row_hashes(dataset.frame)).is_in(wanted.implode()).to_numpy()
    frame = dataset.frame
    if dataset.has_periods and _missing(version.manifest, frame):
        frame = history_frame(dataset)
    if missing := _missing(version.manifest, frame):
        raise MissingFeaturesError(columns=", ".join(missing))
    none = np.zeros(len(frame), dtype=np.bool_)
    split = RowSplit(kind=version.manifest.split.kind, train=none, test=found, test_period=None, note="")
    return rows_frame(dataset.frame, split, model_scores(version.model, frame.filter(found)))


def _missing(manifest: Manifest, frame: pl.DataFrame) -> list[str]:
    return [name for name in manifest.features.columns if name not in frame.columns]


def _ranking_key(entry: _Entry) -> tuple[float, float, str]:
    """Best macro F1 first; on a tie, best emergence, then name."""
    if entry.metrics is None:
        return 0.0, 0.0, entry.manifest.version
    emergence = metric_value(entry.metrics, "emergence") or 0.0
    return -entry.metrics.f1_macro, -emergence, entry.manifest.version


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Compared versions with one bootstrap for all of them.

    Attributes:
        rows: all the rows.
        mask: which of them have a known level now, shape (rows,).
        known: those rows.
        drawn: versions on all the rows.
        drawn_known: versions, then persistence, on the known rows; None where there is none.
        scores: name -> its scores on all the rows.
    """

    rows: TestRows
    mask: npt.NDArray[np.bool_]
    known: TestRows
    drawn: Replicates
    drawn_known: Replicates | None
    scores: dict[str, Scores]

    @classmethod
    def of(cls, rows: TestRows, entries: Sequence[_Entry], *, draws: int, seed: int) -> "_Pairs":
        scores = {one.manifest.version: one.scores for one in entries if one.scores is not None}
        mask = rows.current >= 0
        known = rows if mask.all() else rows.where(mask)
        persistence = Scores(known.current, None)
        if mask.all():
            drawn_known: Replicates | None = rows.replicates([*scores.values(), persistence], draws=draws, seed=seed)
        elif mask.any():
            on_known = [one.where(mask) for one in scores.values()]
            drawn_known = known.replicates([*on_known, persistence], draws=draws, seed=seed)
        else:
            drawn_known = None
        if mask.all() and drawn_known is not None:
            drawn = drawn_known
        else:
            drawn = rows.replicates(list(scores.values()), draws=draws, seed=seed)
        return cls(rows, mask, known, drawn, drawn_known, scores)

    def place(self, name: str) -> int:
        return list(self.scores).index(name)

    def intervals(self, name: str) -> dict[str, tuple[float, float]]:
        found = {metric: self.drawn.own_interval(metric, self.place(name)) for metric in METRICS}
        return {metric: ends for metric, ends in found.items() if ends is not None}

    def between(self, reference: str, challenger: str) -> Comparison:
        return compared(
            (reference, challenger),
            self.rows,
            (self.scores[reference], self.scores[challenger]),
            self.drawn,
            (self.place(reference), self.place(challenger)),
            seen={reference: 0, challenger: 0},
        )

    def to_persistence(self, challenger: str) -> Comparison | None:
        if self.drawn_known is None:
            return None
        return compared(
            (PERSISTENCE, challenger),
            self.known,
            (Scores(self.known.current, None), self.scores[challenger].where(self.mask)),
            self.drawn_known,
            (len(self.scores), self.place(challenger)),
            seen={PERSISTENCE: 0, challenger: 0},
        )


def _result(
    entry: _Entry, order: Sequence[_Entry], previous: _Entry | None, pairs: _Pairs, rows: TestRows
) -> VersionResult:
    """Everything that is said of one version."""
    name, ranked = entry.manifest.version, entry.is_compared
    best = order[0].manifest.version if order else name
    known_metrics = None
    if entry.scores is not None and pairs.mask.any() and not pairs.mask.all():
        known_metrics = measure(pairs.known.truth, entry.scores.where(pairs.mask), pairs.known.current)
    return VersionResult(
        manifest=entry.manifest,
        seen=entry.seen,
        rank=order.index(entry) + 1 if ranked else None,
        metrics=entry.metrics,
        known_metrics=known_metrics,
        intervals=pairs.intervals(name) if ranked else {},
        refusal=entry.refusal,
        to_persistence=pairs.to_persistence(name) if ranked else None,
        to_best=pairs.between(best, name) if ranked and name != best else None,
        to_previous=pairs.between(previous.manifest.version, name) if ranked and previous is not None else None,
        calibration=() if entry.scores is None else tuple(calibration_table(rows.truth, entry.scores)),
        emergence_curve=() if entry.scores is None else emergence_curve(rows, entry.scores),
    )


def emergence_curve(rows: TestRows, scores: Scores) -> tuple[tuple[int, float, float], ...]:
    """Among the k rows not HIGH now of highest P(HIGH), ties in row order: the share that became HIGH, and of all found.

    Empty where there are no probabilities or no row emerged.
    """
    candidates = np.flatnonzero((rows.current >= 0) & (rows.current != HIGH_RANK))
    happened = rows.truth[candidates] == HIGH_RANK
    if scores.probabilities is None or not happened.any():
        return ()
    order = np.argsort(-scores.probabilities[candidates, HIGH_RANK], kind="stable")
    found = happened[order].cumsum()
    places = [k for k in CURVE_PLACES if k < len(found)] or [len(found)]
    return tuple((k, float(found[k - 1] / k), float(found[k - 1] / found[-1])) for k in places)


def _baselines(training: pl.DataFrame, test: pl.DataFrame) -> Baselines:
    """Baselines on the rows; the majority is that of the rows whose label was known at their period."""
    nothing = Scores(np.zeros(len(test), dtype=np.int64), None)
    found = measure_baselines(test if training.is_empty() else training, test, nothing)
    persistence = found.persistence and found.persistence.model_copy(update={"model_on_same_rows": None})
    changes: dict[str, Any] = {"persistence": persistence}
    if training.is_empty():
        reason = translatable("no row has a label known before the rows scored")
        changes |= {"majority": None, "reasons": {**found.reasons, "majority": reason}}
    return found.model_copy(update=changes)
