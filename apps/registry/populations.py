"""What a validation sample is drawn from: a version's predictions, and the facts that reviewers will see.

It opens the model, and so loads scikit-learn: it is imported where a sample is drawn, and nowhere else.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl

from apps.registry.models import ModelVersion
from apps.registry.store import dataset_path, open_version
from apps.workforce.models import SkillSnapshot
from apps.workforce.selectors import snapshots_frame
from future_skills import schema
from future_skills.artifact import LoadedVersion
from future_skills.dataset import read_dataset, with_history_features
from future_skills.errors import NotReproducibleError, translatable
from future_skills.metrics import model_scores
from future_skills.sample_facts import pair_facts
from future_skills.sampling import Origin

NO_FACTS: Final = "no_facts"
"""There are no HR facts here: the version was made of somebody's own file, and only its test rows can be looked at."""

LATEST_IS_TESTED: Final = "latest_is_tested"
"""The latest snapshot is the period the version was tested on: its rows are the test rows."""

_KNOWN: Final = ("row", schema.PERIOD, schema.ROLE, schema.SKILL, "predicted", "low", "medium", "high")


@dataclass(frozen=True, slots=True)
class Populations:
    """What can be drawn, and what is known of it.

    Attributes:
        predictions: origin -> predictions, as ``sampling.draw`` takes them; ``row`` is a place in ``facts``.
        facts: origin -> the rows themselves, with ``sample_facts.FACTS_NOW``.
        past: origin -> facts at other periods (see ``sample_facts.pair_facts``).
        periods: origin -> period of its rows; None where they have none, or several.
        missing: why the latest snapshot is not there; "" where it is.
    """

    predictions: dict[Origin, pl.DataFrame] = field(default_factory=dict)
    facts: dict[Origin, pl.DataFrame] = field(default_factory=dict)
    past: dict[Origin, pl.DataFrame] = field(default_factory=dict)
    periods: dict[Origin, str | None] = field(default_factory=dict)
    missing: str = ""

    def facts_of(self, items: pl.DataFrame) -> list[dict[str, Any]]:
        """What reviewers may know of each drawn row, in the order of ``items``."""
        found: dict[int, dict[str, Any]] = {}
        for origin, facts in self.facts.items():
            drawn = items.filter(pl.col("origin") == origin)
            rows = facts[drawn["row"].to_list()]
            found |= dict(zip(drawn["position"], pair_facts(rows, self.past[origin]), strict=True))
        return [found[position] for position in items["position"]]


def populations_of(version: ModelVersion) -> Populations:
    """The version's test rows, and every pair of the latest snapshot as the version would answer it.

    Raises:
        ArtifactError: a file of the version or the copy of its dataset is absent, was changed, or cannot be opened.
        NotReproducibleError: its dataset was not kept, so what was known of its test rows cannot be shown.
    """
    loaded = open_version(version, dataset=True)
    found = Populations(missing=_why_no_latest(loaded))
    _add_test_rows(found, version, loaded)
    if not found.missing:
        _add_latest_snapshot(found, loaded)
    return found


def _why_no_latest(loaded: LoadedVersion) -> str:
    latest = _latest_period()
    if latest is None:
        return NO_FACTS
    tested = loaded.manifest.split.test_period
    return LATEST_IS_TESTED if tested is not None and latest <= tested else ""


def _latest_period() -> str | None:
    return SkillSnapshot.objects.order_by("-period").values_list("period", flat=True).first()


def _add_test_rows(found: Populations, version: ModelVersion, loaded: LoadedVersion) -> None:
    reference = loaded.manifest.dataset
    if version.dataset is None:
        raise NotReproducibleError(
            translatable(
                "The dataset of {version} (sha256 {sha256}) was not kept: what was known of its test rows cannot be shown."
            ),
            hint=translatable("Train with the dataset registered, without --no-register."),
            version=version.name,
            sha256=reference.sha256,
        )
    frame = read_dataset(
        dataset_path(version.dataset),
        period_column=reference.period_column,
        label_period_column=reference.label_period_column,
    ).frame
    tested = loaded.rows().filter(pl.col("part") == "test")
    tested = tested.with_columns(frame[schema.PERIOD].gather(tested["row"])).sort("row")
    found.predictions["test"] = tested.select(name for name in _KNOWN if name in tested.columns)
    found.facts["test"] = found.past["test"] = frame
    found.periods["test"] = loaded.manifest.split.test_period


def _add_latest_snapshot(found: Populations, loaded: LoadedVersion) -> None:
    snapshots = snapshots_frame().with_columns(pl.col(schema.OBSERVED_LEVEL).alias(schema.CURRENT_LEVEL))
    latest = snapshots.filter(pl.col(schema.PERIOD) == pl.col(schema.PERIOD).max())
    if loaded.manifest.features.history:
        latest = with_history_features(latest, snapshots)
    scores = model_scores(loaded.model, latest)
    predictions = latest.select(
        pl.int_range(pl.len()).alias("row"),
        schema.PERIOD,
        schema.ROLE,
        schema.SKILL,
        pl.Series("predicted", [schema.LEVELS[rank] for rank in scores.predicted], dtype=pl.String),
    )
    if scores.probabilities is not None:
        predictions = predictions.with_columns(
            pl.Series(name.lower(), scores.probabilities[:, rank]) for name, rank in schema.LEVEL_RANK.items()
        )
    found.predictions["latest"] = predictions
    found.facts["latest"], found.past["latest"] = latest, snapshots
    found.periods["latest"] = str(latest[schema.PERIOD][0])
