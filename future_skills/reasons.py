"""Why a version answers what it answers: what each feature adds, what would change the level.

    from future_skills import Predictor
    Predictor.load("ml/future_skills_model_v2.pkl").explain(rows)[0].document()

Contributions are exact Shapley values of the model's probabilities against the version's background rows (``shapley``,
``background``), one for each feature of the product: all encoded columns of one name are one player. For every level

    sum of the contributions + caution = probability - average over the background rows        (within 1e-9)

A version that learned each current level apart is explained among pairs of that level: its background rows have the level of
the row, so the current level itself is no player. ``caution`` is the share of the rule that announces another level than
today's only where the odds are clear; other versions have none. Reasons tell what the model relies on, never what causes need.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from threading import Lock
from typing import Any, Final, Protocol, Self

import numpy as np
import polars as pl
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

from future_skills import schema
from future_skills.artifact import PROFILE_SUFFIX, LoadedVersion, checked_bytes
from future_skills.background import ROWS, learned_apart, read_background
from future_skills.errors import ReasonsUnavailableError, translatable
from future_skills.forest import Doubles, Floats, PackedForest
from future_skills.pipeline import BlendByLevel, NeedLevelModel
from future_skills.shapley import Condition, ForestGame, subset_contributions

Value = str | float | None

DECIMALS: Final[Mapping[str, int]] = {
    "trend_score": 2,
    "internal_usage": 2,
    "training_requests": 0,
    "scarcity_index": 2,
    "hiring_difficulty": 2,
    "avg_salary_k": 1,
    "economic_indicator": 1,
}
"""Features that may be tried at other values -> decimals people write them with."""


# --- What is told -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Contribution:
    """What one feature adds to the probability of each level.

    Attributes:
        feature: its name.
        value: of the row; None is missing.
        effects: level -> change of its probability, -1 to 1; the three sum to 0.
    """

    feature: str
    value: Value
    effects: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Change:
    """Another value of one feature, all others as they are, with which another level is announced.

    Attributes:
        feature: its name.
        value: of the row; None is missing.
        needed: the nearest such value among those tried (quantiles of the training rows, as people write them).
        level: announced then.
    """

    feature: str
    value: Value
    needed: float
    level: str


@dataclass(frozen=True, slots=True)
class Background:
    """What a row is compared with.

    Attributes:
        rows: background rows.
        same_level: whether they have the row's own current level (see the module).
        level: that level; None where it is unknown, or where ``same_level`` is false.
    """

    rows: int
    same_level: bool
    level: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasons:
    """Why a version answers what it answers of one row.

    Attributes:
        level: announced.
        probabilities: level -> probability.
        average: level -> mean probability of the background rows.
        background: what the row is compared with.
        contributions: of every feature, the one that weighs most on the announced level first.
        caution: level -> what the rule that keeps today's level in doubt adds to its probability.
        changes: what would change the level, the smallest change first; empty where no value tried does.
        tried: features of which other values were tried.
    """

    level: str
    probabilities: Mapping[str, float]
    average: Mapping[str, float]
    background: Background
    contributions: tuple[Contribution, ...]
    caution: Mapping[str, float]
    changes: tuple[Change, ...]
    tried: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """The same as JSON holds it: the names of the attributes, mappings and lists."""
        return asdict(self)

    def toward(self, level: str) -> tuple[Contribution, ...]:
        """The features that add to the probability of a level, the one that adds most first."""
        adding = [one for one in self.contributions if one.effects[level] > 0]
        return tuple(sorted(adding, key=lambda one: -one.effects[level]))

    def against(self, level: str) -> tuple[Contribution, ...]:
        """The features that take from it, the one that takes most first."""
        taking = [one for one in self.contributions if one.effects[level] < 0]
        return tuple(sorted(taking, key=lambda one: one.effects[level]))


# --- How it is found ----------------------------------------------------------------------------------------------------
class _Game(Protocol):
    """What a model says of rows that share its rules, and what each player adds to it.

    Attributes:
        average: mean probabilities of the background rows, shape (classes,).
        rows: background rows.
    """

    average: Doubles
    rows: int

    def probabilities(self, matrix: Floats) -> Doubles:
        """The model's probabilities, rows x classes."""
        ...

    def contributions(self, row: Floats) -> tuple[Doubles, Doubles]:
        """Contributions, players x classes, and the caution, shape (classes,)."""
        ...


class _OneForest:
    """A forest that answers every row."""

    def __init__(self, forest: PackedForest, background: Floats, players: Sequence[int]) -> None:
        self._game = ForestGame(forest, background, players)
        self.rows = len(background)
        self.average: Doubles = self.probabilities(background).mean(axis=0)

    def probabilities(self, matrix: Floats) -> Doubles:
        return self._game.forest.probabilities(matrix)

    def contributions(self, row: Floats) -> tuple[Doubles, Doubles]:
        return self._game.contributions(row), np.zeros_like(self.average)


class _OneLevel:
    """What a blend says of the rows of one current level.

    Where no score of need is known the forest answers alone, so the weight of the regression is itself a rule of the game:
    ``P = F + share x known x (R - F)``, ``known`` being 0 for the mixtures without any score. They are told by who has
    arrived, so ``(1 - known) x F`` is the game of the forest under a condition, and ``known x R`` is listed.
    """

    def __init__(self, blend: BlendByLevel, code: int, background: Floats, players: Sequence[int]) -> None:
        self._blend, self._code, self._background, self._players = blend, code, background, players
        self._forest = PackedForest.of(blend.forests_[code])
        self._game = ForestGame(self._forest, background, players)
        self._classes = np.searchsorted(blend.classes_, blend.forests_[code].classes_)
        self._regression: Any = blend.regressions_.get(code)
        self._scores = list(blend.score_columns)
        self.rows = len(background)
        blended = self._blended(background)
        self.average: Doubles = blend.steady(blended, code).mean(axis=0)
        self._caution = self.average - blended.mean(axis=0)

    def probabilities(self, matrix: Floats) -> Doubles:
        return self._blend.steady(self._blended(matrix), self._code)

    def contributions(self, row: Floats) -> tuple[Doubles, Doubles]:
        given = self._game.contributions(row)
        if self._regression is not None:
            share = self._blend.linear_share
            given *= 1.0 - share
            if unscored := self._without_scores(row):
                given += share * self._game.contributions(row, unscored)
            given[[self._players[column] for column in self._scores]] += subset_contributions(self._regressed(row))
        spread = np.zeros((len(given), len(self.average)))
        spread[:, self._classes] = given
        blended = self._blended(row[None, :])
        return spread, (self._blend.steady(blended, self._code) - blended)[0] - self._caution

    def _blended(self, matrix: Floats) -> Doubles:
        return self._blend.blended(self._forest.probabilities(matrix), matrix, self._code)

    def _without_scores(self, row: Floats) -> list[Condition]:
        """The mixtures without any score of need: those that leave out whichever side knows one."""
        known, known_of_row = ~np.isnan(self._background[:, self._scores]), ~np.isnan(row[self._scores])
        bits = [1 << self._players[column] for column in self._scores]
        rows_of: dict[tuple[int, int], int] = {}
        for place, known_of_other in enumerate(known):
            if not (known_of_row & known_of_other).any():
                arrived = sum(bit for bit, hidden in zip(bits, known_of_other, strict=True) if hidden)
                absent = sum(bit for bit, hidden in zip(bits, known_of_row, strict=True) if hidden)
                rows_of[arrived, absent] = rows_of.get((arrived, absent), 0) | 1 << place
        return [Condition(rows, arrived, absent) for (arrived, absent), rows in rows_of.items()]

    def _regressed(self, row: Floats) -> Doubles:
        """What the regression adds for each subset of the scores, by the bits of its place: subsets x classes."""
        scores = self._scores
        arrived = (np.arange(1 << len(scores))[:, None] >> np.arange(len(scores))) & 1 == 1
        mixtures = np.repeat(self._background[None], len(arrived), axis=0)
        mixtures[:, :, scores] = np.where(arrived[:, None, :], row[scores], self._background[:, scores])
        known = (~np.isnan(mixtures[:, :, scores])).any(axis=2, keepdims=True)
        said = self._regression.probabilities(mixtures.reshape(-1, mixtures.shape[2]))
        worth: Doubles = (self._blend.linear_share * known * said.reshape(*known.shape[:2], -1)).mean(axis=1)
        return worth


class Explainer:
    """A version that says why it answers what it answers. Threads may share it.

    Args:
        model: the fitted model of a version.
        background: its background rows, the columns the model reads.
        tried: feature -> the values tried in search of another level, increasing.
        version: its name, for messages.

    Raises:
        ReasonsUnavailableError: the model is none whose Shapley values are computed here.
    """

    def __init__(self, model: Any, background: pl.DataFrame, *, tried: Mapping[str, Doubles], version: str) -> None:
        estimator = model.estimator_ if isinstance(model, NeedLevelModel) else None
        if not isinstance(estimator, RandomForestClassifier | ExtraTreesClassifier | BlendByLevel):
            raise ReasonsUnavailableError(
                translatable("{version} is a {algorithm}: reasons are computed for forests and blends of them only."),
                version=version,
                algorithm=getattr(model, "algorithm", type(model).__name__),
            )
        self._encoder, self._estimator = model.encoder_, estimator
        self._levels = [str(level) for level in model.classes_]
        self._features = list(dict.fromkeys(self._encoder.source_))
        self._players = [self._features.index(name) for name in self._encoder.source_]
        self._apart = learned_apart(model)
        self._background = self._encoder.transform(background)
        self._tried = {name: values for name, values in tried.items() if name in self._encoder.numeric and len(values)}
        self._games: dict[int, _Game] = {}
        self._turn = Lock()

    @classmethod
    def of(cls, version: LoadedVersion) -> Self:
        """The explainer of a version's files.

        Raises:
            ReasonsUnavailableError: it kept no background rows, or its model is none that is explained.
            ArtifactError: a file is absent, was changed, or cannot be read here.
        """
        manifest = version.manifest
        background = read_background(manifest, version.paths)
        entry = manifest.file(PROFILE_SUFFIX)
        profile = json.loads(checked_bytes(version.paths.model.parent / entry.name, entry))
        tried = {
            name: _values_to_try(profile[name]["edges"], digits) for name, digits in DECIMALS.items() if name in profile
        }
        return cls(version.model, background, tried=tried, version=manifest.version)

    def explain(self, rows: pl.DataFrame) -> list[Reasons]:
        """The reasons of each row, in order.

        Args:
            rows: the columns the model reads, typed as ``Predictor`` types them; null is missing.
        """
        matrix = self._encoder.transform(rows)
        codes = self._estimator.levels(matrix) if self._apart else np.zeros(len(matrix), dtype=np.int64)
        return [
            self._reasons(row, int(code), values)
            for row, code, values in zip(matrix, codes, rows.iter_rows(named=True), strict=True)
        ]

    def _reasons(self, row: Floats, code: int, values: Mapping[str, Value]) -> Reasons:
        game = self._game(code)
        given, caution = game.contributions(row)
        chances = game.probabilities(row[None, :])[0]
        best = int(chances.argmax())
        level_now = str(values[schema.CURRENT_LEVEL]) if self._apart and values[schema.CURRENT_LEVEL] else None
        order = np.argsort(-np.abs(given[:, best]), kind="stable")
        contributions = (
            Contribution(name, values[name], self._by_level(given[place]))
            for place, name in ((int(place), self._features[place]) for place in order)
            if not (self._apart and name == schema.CURRENT_LEVEL)
        )
        return Reasons(
            level=self._levels[best],
            probabilities=self._by_level(chances),
            average=self._by_level(game.average),
            background=Background(game.rows, self._apart, level_now),
            contributions=tuple(contributions),
            caution=self._by_level(caution),
            changes=self._changes(game, row, best, values),
            tried=tuple(self._tried),
        )

    def _by_level(self, of_classes: Doubles) -> dict[str, float]:
        """Of every level, in order; 0 for one that no training row had."""
        found = dict(zip(self._levels, of_classes.tolist(), strict=True))
        return {level: found.get(level, 0.0) for level in schema.LEVELS}

    def _game(self, code: int) -> _Game:
        """The game of the rows of a current level (of all rows, where levels were not learned apart); made once."""
        with self._turn:
            if code not in self._games:
                self._games[code] = self._new_game(code)
            return self._games[code]

    def _new_game(self, code: int) -> _Game:
        estimator, background = self._estimator, self._background
        if not isinstance(estimator, BlendByLevel):
            return _OneForest(PackedForest.of(estimator), background, self._players)
        if not self._apart:  # then one forest of all rows answers for every level
            return _OneForest(PackedForest.of(estimator.forests_[code]), background, self._players)
        of_level = background[estimator.levels(background) == code]
        if not len(of_level):  # no training row had this level: some of every other level, as if they had
            some = np.linspace(0, len(background) - 1, min(len(background), ROWS)).astype(np.intp)
            of_level = background[some]
            of_level[:, estimator.level_column] = np.nan if code < 0 else code
        return _OneLevel(estimator, code, of_level, self._players)

    # --- What would change the level ------------------------------------------------------------------------------------
    def _changes(self, game: _Game, row: Floats, best: int, values: Mapping[str, Value]) -> tuple[Change, ...]:
        """The nearest value of each feature that changes the level, the smallest change (in quantiles) first."""
        found = []
        for name, tried in self._tried.items():
            column = self._encoder.source_.index(name)
            matrix = np.repeat(row[None, :], len(tried), axis=0)
            matrix[:, column] = tried
            levels = game.probabilities(matrix).argmax(axis=1)
            changing = np.flatnonzero(levels != best)
            if len(changing):
                steps = _steps(tried, float(row[column]))
                nearest = changing[np.argmin(steps[changing])]
                change = Change(name, values[name], float(tried[nearest]), self._levels[levels[nearest]])
                found.append((steps[nearest], change))
        return tuple(change for _, change in sorted(found, key=lambda one: one[0]))


def _values_to_try(edges: Sequence[float], digits: int) -> Doubles:
    """Quantiles of the training rows as people write them, within the range of training."""
    if not edges:
        return np.empty(0)
    rounded = np.unique(np.round(edges, digits))
    tried: Doubles = rounded[(rounded >= edges[0]) & (rounded <= edges[-1])]
    return tried


def _steps(tried: Doubles, now: float) -> Doubles:
    """How many quantiles away each value is; of a missing one, from the middle."""
    here = (len(tried) - 1) / 2 if np.isnan(now) else np.interp(now, tried, np.arange(len(tried)))
    steps: Doubles = np.abs(np.arange(len(tried)) - here)
    return steps
