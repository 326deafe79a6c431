"""From a dataset and a recipe to a version: split, fit, measure beside the baselines, describe, write once."""

import io
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from future_skills import schema
from future_skills.artifact import (
    BACKGROUND_SUFFIX,
    CASES,
    CASES_SUFFIX,
    MODEL_SUFFIX,
    PROFILE_SUFFIX,
    ROWS_SUFFIX,
    LoadedVersion,
    VersionPaths,
    cases_bytes,
    file_entries,
    model_bytes,
    require_absent,
    write_version,
)
from future_skills.background import background_bytes, draw_background
from future_skills.baselines import rules_level
from future_skills.dataset import (
    HISTORY_COLUMNS,
    Dataset,
    class_distribution,
    read_dataset,
    row_hashes,
    with_history_features,
)
from future_skills.environment import current_environment
from future_skills.errors import UsageError, translatable
from future_skills.manifest import (
    VERSION_NAME_PATTERN,
    BaselineMetrics,
    Baselines,
    DatasetReference,
    Features,
    FeatureSet,
    FileEntry,
    Importance,
    Manifest,
    Metrics,
    Split,
    SplitKind,
)
from future_skills.metrics import Ranks, Scores, measure, measure_persistence, model_scores, ranks
from future_skills.pipeline import (
    ALGORITHMS,
    build_model,
    calibrated,
    default_algorithm,
    default_features,
    features_to_learn,
)
from future_skills.profile import full_profile, short_profile
from future_skills.split import RowSplit, split_rows
from future_skills.split_notes import NO_HISTORY
from future_skills.text import require_text

TRAINING_STEPS = 6
"""How many steps ``train`` reports: read, take the features, fit, measure, measure importances, write."""

IMPORTANCE_ROWS = 5_000
IMPORTANCE_REPEATS = 2

ROUNDS = ("n_estimators", "max_iter")
MOST_ROUNDS = 10_000
"""Most trees or iterations of a model: a slip of the finger (300000) must not take the machine for a day."""

Parameter = str | int | float | bool | None
Columns = tuple[tuple[str, ...], tuple[str, ...]]
Progress = Callable[[str], None]


def _silent(step: str) -> None:
    """Report nothing."""
    del step


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What makes a version, besides its dataset.

    Attributes:
        feature_set: ``base`` (the eleven features) or ``history`` (with what was known of the pair and its neighbours).
        algorithm: a name of ``pipeline.ALGORITHMS``; None for the feature set's default.
        params: hyperparameters that differ from the algorithm's defaults.
        split: None for time where rows have periods, else stratified.
        test_period: None for the latest labelled period.
        calibration: ``sigmoid``, ``isotonic``, ``temperature`` or None.
        random_state: seed of everything random.
    """

    feature_set: FeatureSet = "base"
    algorithm: str | None = None
    params: Mapping[str, Parameter] = field(default_factory=dict)
    split: SplitKind | None = None
    test_period: str | None = None
    calibration: str | None = None
    random_state: int = 42

    @classmethod
    def of(cls, manifest: Manifest) -> "Recipe":
        """The recipe that a version was made with."""
        params = {name: value for name, value in manifest.hyperparameters.items() if name != "random_state"}
        return cls(
            feature_set=manifest.feature_set,
            algorithm=manifest.algorithm,
            params=params,
            split=manifest.split.kind,
            test_period=manifest.split.test_period,
            calibration=manifest.calibration,
            random_state=manifest.split.random_state,
        )


@dataclass(frozen=True, slots=True)
class Trained:
    """A model before it is written: what ``reproduce`` compares.

    Attributes:
        model: fitted estimator, single-threaded.
        features: columns it reads.
        metrics: on the test rows.
        baselines: on the same rows.
        rows: see ``rows_frame``.
        split: how rows were divided.
        hyperparameters: all of them, defaults included.
        algorithm: its name.
        frame: the dataset's rows, history included.
    """

    model: Any
    features: Features
    metrics: Metrics
    baselines: Baselines
    rows: pl.DataFrame
    split: RowSplit
    hyperparameters: dict[str, Parameter]
    algorithm: str
    frame: pl.DataFrame


def train(
    dataset: Dataset | Path | str,
    *,
    version: str,
    output: Path | str,
    author: str,
    clock: Callable[[], datetime],
    recipe: Recipe | None = None,
    parent: str | None = None,
    changes: str = "",
    notes: str = "",
    on_step: Progress = _silent,
) -> LoadedVersion:
    """Train a version and write its files.

    Args:
        dataset: a dataset, or the path of one.
        version: its name, ``[A-Za-z0-9][A-Za-z0-9._-]{0,63}``.
        output: path of the ``.pkl``; the manifest and its companions go beside it.
        author: who trains.
        clock: gives the time, timezone-aware.
        recipe: what to train; by default the written baseline v1.
        parent: the version this one follows.
        changes: what is different from the parent, in words.
        notes: anything else worth keeping.
        on_step: called with the name of each step as it begins (English; the doors translate it).

    Raises:
        UsageError: a name, an algorithm or a parameter that does not exist.
        ArtifactExistsError: the version is there already.
        DataError: the dataset cannot be used; see ``dataset.read_dataset`` and ``split.split_rows``.
    """
    recipe = recipe or Recipe()
    words = VersionWords(version=version, author=author, parent=parent, changes=changes, notes=notes, started=clock())
    paths = VersionPaths.of(Path(output))
    require_absent(paths)
    if not isinstance(dataset, Dataset):
        on_step(translatable("read the dataset"))
        dataset = read_dataset(Path(dataset))
    trained = fit_and_measure(dataset, recipe, on_step=on_step)
    return write_trained(dataset, trained, recipe, paths=paths, words=words, clock=clock, on_step=on_step)


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionWords:
    """What people say of a version, and when its making began; see ``train``.

    Raises:
        UsageError: a name that cannot be one, or a text that no file could hold.
    """

    version: str
    author: str
    parent: str | None
    changes: str
    notes: str
    started: datetime

    def __post_init__(self) -> None:
        require_version_name(self.version)
        if self.parent is not None:
            require_version_name(self.parent)
        for name in ("changes", "notes"):
            object.__setattr__(self, name, require_text(getattr(self, name)))


def write_trained(
    dataset: Dataset,
    trained: Trained,
    recipe: Recipe,
    *,
    paths: VersionPaths,
    words: VersionWords,
    clock: Callable[[], datetime],
    on_step: Progress = _silent,
) -> LoadedVersion:
    """Describe a measured model, and write the files of its version.

    Raises:
        ArtifactExistsError: the version is there already.
    """
    on_step(translatable("measure the importances"))
    importances = permutation_importances(trained, random_state=recipe.random_state)
    on_step(translatable("write the files"))
    training_rows = trained.frame.filter(trained.split.train)
    columns = list(trained.features.columns)
    chosen = case_rows(trained, random_state=recipe.random_state)
    contents = {MODEL_SUFFIX: model_bytes(trained.model)}
    if not training_rows.is_empty():  # else it was trained elsewhere, on rows that nobody knows here
        profile = full_profile(training_rows.select(columns), training_rows)
        contents[PROFILE_SUFFIX] = json.dumps(profile, ensure_ascii=False).encode()
        background = draw_background(trained.model, training_rows.select(columns), random_state=recipe.random_state)
        contents[BACKGROUND_SUFFIX] = background_bytes(background)
    contents[ROWS_SUFFIX] = _parquet_bytes(trained.rows)
    contents[CASES_SUFFIX] = cases_bytes(trained.model, chosen, trained.frame[chosen].select(columns))
    manifest = _manifest(
        dataset,
        trained,
        recipe,
        version=words.version,
        created_at=words.started,
        duration_s=round((clock() - words.started).total_seconds(), 3),
        author=words.author,
        parent=words.parent,
        changes=words.changes,
        notes=words.notes,
        importances=importances,
        files=file_entries(paths, contents),
    )
    write_version(paths, manifest, contents)
    return LoadedVersion(manifest, trained.model, paths)


def case_rows(trained: Trained, *, random_state: int) -> list[int]:
    """Places of (at most ``CASES``) test rows, drawn with a fixed seed: as many of each level as there are, in turn."""
    test = np.random.default_rng(random_state).permutation(np.flatnonzero(trained.split.test))
    drawn = pl.DataFrame({"row": test, "level": trained.frame[schema.LABEL].gather(test)})
    in_turn = drawn.sort(pl.int_range(pl.len()).over("level"), maintain_order=True)
    return sorted(in_turn["row"].head(CASES).to_list())


def require_version_name(version: str) -> None:
    """Refuse a name that cannot be a version's.

    Raises:
        UsageError: it does not follow the pattern.
    """
    if re.fullmatch(VERSION_NAME_PATTERN.strip("^$"), version) is None:
        raise UsageError(
            translatable(
                "“{version}” cannot name a version: letters, digits, “.”, “_” and “-”, 64 characters at most."
            ),
            version=version[:80],
        )


def fit_and_measure(dataset: Dataset, recipe: Recipe, *, on_step: Progress = _silent) -> Trained:
    """Fit a model on the training rows and measure it, beside the baselines, on the test rows."""
    frame = dataset.frame
    on_step(translatable("take the features"))
    if recipe.feature_set == "history":
        frame = history_frame(dataset)
    split = split_rows(dataset, kind=recipe.split, test_period=recipe.test_period, random_state=recipe.random_state)
    training, test = frame.filter(split.train), frame.filter(split.test)
    algorithm = recipe.algorithm or default_algorithm(recipe.feature_set)
    columns = features_to_learn(algorithm, recipe.feature_set, training)
    if columns != default_features(recipe.feature_set):
        split = replace(split, note=f"{split.note} {NO_HISTORY}".strip())
    model, hyperparameters = unfitted_model(algorithm, recipe, columns)
    on_step(translatable("train the model"))
    try:
        model.fit(training, training[schema.LABEL].to_numpy().astype(str))
        on_step(translatable("measure it on the test rows"))
        scores = model_scores(model, test)
    except ValueError as error:  # what parameters do to these rows is known by trying
        raise _cannot_learn(algorithm, str(error).strip().splitlines()[0]) from error
    if scores.probabilities is not None and not np.isfinite(scores.probabilities).all():
        raise _cannot_learn(algorithm, "its probabilities are not numbers")
    truth, current = ranks(test[schema.LABEL]), ranks(test[schema.CURRENT_LEVEL])
    return Trained(
        model=model,
        features=manifest_features(columns),
        metrics=measure(truth, scores, current),
        baselines=measure_baselines(training, test, scores),
        rows=rows_frame(frame, split, scores),
        split=split,
        hyperparameters=hyperparameters,
        algorithm=algorithm,
        frame=frame,
    )


def _cannot_learn(algorithm: str, problem: str) -> UsageError:
    return UsageError(
        translatable("{algorithm} cannot learn from these rows with these parameters: {problem}"),
        algorithm=algorithm,
        problem=problem,
    )


def unfitted_model(algorithm: str, recipe: Recipe, columns: Columns) -> tuple[Any, dict[str, Parameter]]:
    """The estimator of a recipe on these columns, and all its hyperparameters, the feature set's defaults included.

    Raises:
        UsageError: unknown algorithm, parameter or calibration.
    """
    categorical, numeric = columns
    defaults = ALGORITHMS[algorithm].defaults[recipe.feature_set] if algorithm in ALGORITHMS else {}
    params = {**defaults, **recipe.params}
    for name in ROUNDS:
        rounds = params.get(name)
        if isinstance(rounds, int | float) and rounds > MOST_ROUNDS:
            raise UsageError(
                translatable("{name} must be at most {most}, not {value}."), name=name, most=MOST_ROUNDS, value=rounds
            )
    model: Any = build_model(
        algorithm=algorithm,
        categorical=categorical,
        numeric=numeric,
        params=params,
        random_state=recipe.random_state,
        n_jobs=-1,
    )
    if recipe.calibration:
        model = calibrated(model, recipe.calibration)
    return model, {**params, "random_state": recipe.random_state}


def single_threaded(model: Any) -> None:
    """Let a fitted estimator, and every one inside it, answer in one thread: sums and ties are then the same everywhere."""
    for estimator in (model, *(inner.estimator for inner in getattr(model, "calibrated_classifiers_", ()))):
        threads = [name for name in estimator.get_params(deep=True) if name.split("__")[-1] == "n_jobs"]
        estimator.set_params(**dict.fromkeys(threads, 1))


def manifest_features(columns: Columns) -> Features:
    """The columns of a model, by kind."""
    names = (*columns[0], *columns[1])
    return Features(
        categorical=tuple(name for name in names if name in schema.CATEGORICAL_FEATURES),
        numeric=tuple(name for name in names if name in schema.NUMERIC_FEATURES),
        history=tuple(name for name in names if name in HISTORY_COLUMNS),
    )


def history_frame(dataset: Dataset) -> pl.DataFrame:
    """The dataset's rows with their history; derived from the file's own earlier rows where the file has none.

    Raises:
        UsageError: rows without a period have no history.
    """
    if all(name in dataset.frame.columns for name in HISTORY_COLUMNS):
        return dataset.frame
    if not dataset.has_periods:
        raise UsageError(
            translatable("{name} does not say the period of every row: there is no history to take features from."),
            hint=translatable(
                "Name the columns with --period-column and --label-period-column, or use --features base."
            ),
            name=dataset.name,
        )
    in_months = dataset.frame.with_columns(
        pl.when(pl.col(schema.PERIOD).str.len_chars() == 4)
        .then(pl.col(schema.PERIOD) + "-01")
        .otherwise(pl.col(schema.PERIOD))
        .alias(schema.PERIOD)
    )
    facts = in_months.with_columns(pl.col(schema.CURRENT_LEVEL).alias(schema.OBSERVED_LEVEL))
    return with_history_features(in_months, facts).with_columns(dataset.frame[schema.PERIOD])


def measure_baselines(training: pl.DataFrame, test: pl.DataFrame, scores: Scores) -> Baselines:
    """Majority, persistence and rules on the test rows.

    Args:
        training: the training rows.
        test: the test rows.
        scores: the model's predictions of the test rows.
    """
    truth, current = ranks(test[schema.LABEL]), ranks(test[schema.CURRENT_LEVEL])
    persistence = measure_persistence(truth, scores, current)
    reasons = {} if persistence else {"persistence": "the level now is known for no test row"}
    shares = np.array(list(class_distribution(training).values())) / len(training)
    majority = Scores(np.full(len(test), shares.argmax()), np.tile(shares, (len(test), 1)))
    rules = Scores(ranks(pl.Series(rules_level(test))), None)
    return Baselines(
        majority=BaselineMetrics(**measure(truth, majority, current).model_dump()),
        persistence=persistence,
        rules=BaselineMetrics(**measure(truth, rules, current).model_dump()),
        reasons=reasons,
    )


def rows_frame(frame: pl.DataFrame, split: RowSplit, scores: Scores) -> pl.DataFrame:
    """Which rows trained, and what the model said of each test row.

    Returns:
        One row per row used: ``row`` (place in the dataset), ``row_hash`` (UInt64), ``part`` (train or test); for test
        rows also role, skill, ``current_need_level``, ``future_need_level``, ``predicted`` and the probabilities ``low``,
        ``medium``, ``high``.
    """
    hashed = frame.select(
        pl.int_range(pl.len(), dtype=pl.UInt32).alias("row"),
        pl.Series("row_hash", row_hashes(frame)),
        schema.ROLE,
        schema.SKILL,
        schema.CURRENT_LEVEL,
        schema.LABEL,
    )
    test = hashed.filter(split.test).with_columns(part=pl.lit("test"), predicted=level_names(scores.predicted))
    if scores.probabilities is not None:
        test = test.with_columns(
            pl.Series(name.lower(), scores.probabilities[:, rank]) for name, rank in schema.LEVEL_RANK.items()
        )
    train_rows = hashed.filter(split.train).select("row", "row_hash", part=pl.lit("train"))
    return pl.concat([train_rows, test], how="diagonal")


def level_names(level_ranks: Ranks) -> pl.Series:
    """Ranks back to levels."""
    return pl.Series("predicted", np.array(schema.LEVELS)[level_ranks])


def permutation_importances(trained: Trained, *, random_state: int) -> dict[str, Importance]:
    """What shuffling each feature costs on (at most 5 000 of) the test rows, mean of 2 shuffles (Breiman 2001).

    Rows are drawn with a fixed seed; the cost is the fall of macro F1 and of the emergence average precision.
    """
    rng = np.random.default_rng(random_state)
    test = trained.frame.filter(trained.split.test)
    if len(test) > IMPORTANCE_ROWS:
        test = test[np.sort(rng.choice(len(test), IMPORTANCE_ROWS, replace=False))]
    columns = trained.features.columns
    truth, current = ranks(test[schema.LABEL]), ranks(test[schema.CURRENT_LEVEL])
    features = test.select(columns)

    def worth(rows: pl.DataFrame) -> tuple[float, float | None]:
        metrics = measure(truth, model_scores(trained.model, rows), current)
        return metrics.f1_macro, metrics.emergence.average_precision if metrics.emergence else None

    whole_f1, whole_emergence = worth(features)

    def importance(name: str) -> Importance:
        shuffled = [
            worth(features.with_columns(features[name].gather(rng.permutation(len(features)))))
            for _ in range(IMPORTANCE_REPEATS)
        ]
        emergence = [value for _, value in shuffled if value is not None]
        return Importance(
            f1_macro=round(whole_f1 - float(np.mean([f1 for f1, _ in shuffled])), 6),
            emergence=(
                round(whole_emergence - float(np.mean(emergence)), 6)
                if whole_emergence is not None and emergence
                else None
            ),
        )

    return {name: importance(name) for name in columns}


def _parquet_bytes(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", statistics=False)
    return buffer.getvalue()


def _manifest(
    dataset: Dataset,
    trained: Trained,
    recipe: Recipe,
    *,
    files: tuple[FileEntry, ...],
    **words: Any,
) -> Manifest:
    """Everything that is known of a trained version, in the manifest's shape."""
    frame, split = trained.frame, trained.split
    training = frame.filter(split.train)
    train_periods = training[schema.PERIOD].drop_nulls().unique().sort()
    return Manifest(
        metrics=trained.metrics,
        baselines=trained.baselines,
        dataset=DatasetReference(
            name=dataset.name,
            sha256=dataset.sha256,
            rows=len(frame),
            periods=dataset.periods,
            class_distribution=class_distribution(frame),
            period_column=dataset.period_column,
            label_period_column=dataset.label_period_column,
        ),
        algorithm=trained.algorithm,
        feature_set=recipe.feature_set,
        features=trained.features,
        hyperparameters=trained.hyperparameters,
        calibration=recipe.calibration,
        split=Split(
            kind=split.kind,
            train_periods=tuple(train_periods),
            test_period=split.test_period,
            train_rows=int(split.train.sum()),
            test_rows=int(split.test.sum()),
            random_state=recipe.random_state,
            note=split.note,
            train_rows_known=not training.is_empty(),
            train_class_distribution={} if training.is_empty() else class_distribution(training),
        ),
        profile={} if training.is_empty() else short_profile(training.select(trained.features.columns)),
        environment=current_environment(),
        files=files,
        **words,
    )
