"""What was known of the need for a skill in a role, up to and including one period.

Everything here looks back: rows after the period asked for are dropped first, so no later fact can reach a
feature. Three kinds of columns come out, one row per pair (role x skill) listed at the period:

* the pair's own past: how often and how long ago it was in need;
* how widely the skill is needed and how much the role needs;
* what *neighbours* need: roles alike by title, by the skills they list and by those they need, and skills that
  are needed together.

The neighbour columns average a **memory** of need (below) in which the pair itself counts too, as much as
``OWN_WEIGHT`` identical roles. A model that has seen only one period with levels cannot learn what "in need earlier,
not now" is worth, for no training row has it; but it learns what a high average is worth, and that carries over.

Memory of a pair at period t, in [0, 1]: ``sum_p w(p) HIGH_p / sum_p w(p) known_p`` over the periods p <= t,
with ``w(p) = 2 ** (-months from p to t / HALF_LIFE_MONTHS)``. ``known_p`` is 1 when the pair's level was observed,
or when the pair was not listed although levels of its role were (not listed = not in need).
"""

import math
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import joblib
import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from future_skills import schema
from future_skills.errors import DataError, MissingColumnsError, translatable

HALF_LIFE_MONTHS: Final = 24.0
"""Months after which an observed need counts for half in the memory."""

NEIGHBOURS: Final = 100
"""Most similar roles kept for each role: what bounds time and memory."""

OWN_WEIGHT: Final = 3.0
"""Weight of the pair's own memory in the average over similar roles, each of weight 1 at most."""

PRIOR: Final = 0.5
"""Weight of the belief that nobody needs the skill, in the average over similar roles."""

MOMENTUM_MONTHS: Final = 12
"""Momentum is a change per this many months: per year."""

DECIMALS: Final = 6
"""Features are rounded to this many decimals: enough to rank, few enough to be the same on every machine."""

HISTORY_MEANINGS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "months_since_first_listed": (
            "months since the skill was first listed for the role",
            "mois depuis la première apparition de la compétence dans le métier",
        ),
        "periods_in_need_before": (
            "number of earlier periods at which the pair was in need (HIGH)",
            "nombre de relevés antérieurs où le besoin était élevé",
        ),
        "months_since_last_need": (
            "months since the pair was last in need, now included (empty: never)",
            "mois depuis le dernier besoin élevé, présent compris (vide : jamais)",
        ),
        "need_memory": (
            "share of the known periods at which the pair was in need, recent ones weighing more",
            "part des relevés connus où le besoin était élevé, les récents pesant davantage",
        ),
        "previous_level_rank": (
            "level at the last earlier period where it was known (0 low, 1 medium, 2 high)",
            "niveau au dernier relevé antérieur connu (0 faible, 1 moyen, 2 élevé)",
        ),
        "roles_in_need": (
            "number of roles that need the skill now",
            "nombre de métiers qui ont besoin de la compétence aujourd'hui",
        ),
        "share_of_roles_in_need": (
            "share of the roles listing the skill that need it now",
            "part des métiers listant la compétence qui en ont besoin aujourd'hui",
        ),
        "department_roles_in_need": (
            "number of roles of the same department that need the skill now",
            "nombre de métiers du même département qui ont besoin de la compétence aujourd'hui",
        ),
        "department_share_in_need": (
            "share of the department's roles listing the skill that need it now",
            "part des métiers du département listant la compétence qui en ont besoin aujourd'hui",
        ),
        "department_need_memory": (
            "memory of need for the skill, summed over the department's roles that list it",
            "mémoire du besoin, cumulée sur les métiers du département qui listent la compétence",
        ),
        "share_of_roles_medium_or_high": (
            "share of the roles listing the skill where its need is at least medium now",
            "part des métiers listant la compétence où le besoin est au moins moyen aujourd'hui",
        ),
        "role_skills_in_need": (
            "number of skills the role needs now",
            "nombre de compétences dont le métier a besoin aujourd'hui",
        ),
        "role_share_in_need": (
            "share of the role's skills that are in need now",
            "part des compétences du métier en besoin élevé aujourd'hui",
        ),
        "skill_need_momentum": (
            "change per year of the share of roles that need the skill",
            "évolution annuelle de la part des métiers qui ont besoin de la compétence",
        ),
        "role_need_momentum": (
            "change per year of the share of the role's skills in need",
            "évolution annuelle de la part des compétences du métier en besoin élevé",
        ),
        "similar_roles_need": (
            "need for the skill, now and before, in this role and in roles alike by title, skills listed and needs",
            "besoin de la compétence, présent et passé, dans le métier et ceux proches (titre, compétences, besoins)",
        ),
        "similar_listing_roles_need": (
            "the same, roles compared only by the skills they list (rare ones weighing more)",
            "idem, métiers comparés par les seules compétences listées (les rares pesant davantage)",
        ),
        "similar_needing_roles_need": (
            "the same, roles compared only by the skills they need (rare ones weighing more)",
            "idem, métiers comparés par les seules compétences dont ils ont besoin (les rares pesant davantage)",
        ),
        "companion_skills_need": (
            "how often roles that need this role's needed skills also need this one",
            "fréquence du besoin de cette compétence là où celles du métier sont déjà nécessaires",
        ),
        "expected_need": (
            "need expected from the role's and the skill's overall levels of need alone",
            "besoin attendu d'après les seuls niveaux généraux du métier et de la compétence",
        ),
        "similar_need_rank_in_role": (
            "rank among the role's skills not in need, by need in similar roles (1 = first; 0 = in need)",
            "rang parmi les compétences du métier hors besoin élevé, selon le besoin des métiers proches",
        ),
    }
)
"""Name of each history feature -> (meaning in English, meaning in French)."""

HISTORY_FEATURES: Final[tuple[str, ...]] = tuple(HISTORY_MEANINGS)
"""Numeric history columns, in order."""

SCORES: Final[tuple[str, ...]] = (
    "similar_roles_need",
    "companion_skills_need",
    "department_need_memory",
    "expected_need",
)
"""The history columns that are scores of need by themselves: the more, the likelier, whatever the other columns."""

_COLUMNS: Final = (schema.PERIOD, schema.ROLE, schema.SKILL, schema.DEPARTMENT, schema.OBSERVED_LEVEL)
_HIGH: Final = schema.LEVEL_RANK[schema.HIGH]
_MEDIUM: Final = schema.LEVEL_RANK[schema.MEDIUM]
_UNKNOWN: Final = -1

_NAMES: Final = (schema.ROLE, schema.SKILL, schema.DEPARTMENT)
_BLOCK: Final = 512
"""Roles compared at a time: what bounds memory."""

_Ints = NDArray[np.int64]
_Floats = NDArray[np.float64]
_Mask = NDArray[np.bool_]
_Matrix = Any  # scipy has no stubs: a sparse.csr_array of float64, roles x skills


def history_features(snapshots: pl.DataFrame, *, period: str) -> pl.DataFrame:
    """History of every pair listed at ``period``, from rows of that period and earlier ones only.

    Args:
        snapshots: one row per period x role x skill, with at least the columns ``period`` (YYYY-MM),
            ``job_role_name``, ``skill_name``, ``job_department`` (asked of the rows of ``period`` alone) and
            ``observed_need_level`` (null where unknown), in any order.
        period: the period described, YYYY-MM.

    Returns:
        One row per pair listed at ``period``, sorted by role and skill: ``job_role_name``, ``skill_name``,
        ``current_need_level`` (null where unknown) and the columns ``HISTORY_FEATURES`` (Float64, rounded to six
        decimals; null where nothing is known, e.g. before any level was observed). The same rows give the same
        bytes, whatever their order and the number of threads.

    Raises:
        MissingColumnsError: a column named above is absent.
        DataError: two rows of the same period, role and skill.
    """
    past = _read_past(snapshots, period)
    if not (past.known.any() and past.now.any()):
        return _as_frame(past, {"months_since_first_listed": _months_since_first_listed(past)})
    memory = _memory(past)
    return _as_frame(
        past,
        {
            "months_since_first_listed": _months_since_first_listed(past),
            **_own_history(past, memory),
            **_need_counts(past, memory),
            **_momentum(past),
            **_neighbour_needs(past, memory),
        },
    )


@dataclass(frozen=True, slots=True)
class SimilarRole:
    """A role that is like another one, and lists the same skill.

    Attributes:
        role: its name.
        similarity: mean cosine of the two roles' titles, listed skills and needed skills, 0 to 1.
        level: of the skill in it now; None where it is not known.
    """

    role: str
    similarity: float
    level: str | None


class RoleNeighbours:
    """The roles of a period, and how alike they are: what ``similar_roles_need`` averages over. Threads may share it.

    Args:
        snapshots, period: as ``history_features`` takes them.

    Raises:
        MissingColumnsError, DataError: as ``history_features``.
    """

    def __init__(self, snapshots: pl.DataFrame, *, period: str) -> None:
        past = _read_past(snapshots, period)
        now = past.now
        self._roles: dict[str, int] = {}
        self._skills: dict[str, int] = {}
        if not now.any():
            return
        for codes, name, column in ((self._roles, schema.ROLE, past.role), (self._skills, schema.SKILL, past.skill)):
            codes.update(zip(past.frame[name].to_list(), column.tolist(), strict=True))
        self._names = sorted(self._roles, key=self._roles.__getitem__)
        by_skill = np.argsort(past.skill[now], kind="stable")
        self._skill, self._role, self._level = (column[now][by_skill] for column in (past.skill, past.role, past.level))
        self._profile = _side_by_side(_profiles(past, _memory(past), past.matrix(now)))

    def of(self, role: str, skill: str) -> list[SimilarRole]:
        """Of the ``NEIGHBOURS`` roles most like a role, those that list a skill now, the most similar first.

        Empty where the period does not know the role or the skill.
        """
        place, column = self._roles.get(role), self._skills.get(skill)
        if place is None or column is None:
            return []
        weights = _nearest(self._profile, slice(place, place + 1))
        first, last = np.searchsorted(self._skill, (column, column + 1))
        level_of = dict(zip(self._role[first:last].tolist(), self._level[first:last].tolist(), strict=True))
        listing = [
            (square, other)
            for other, square in zip(weights.indices.tolist(), weights.data.tolist(), strict=True)
            if other != place and other in level_of
        ]
        return [
            SimilarRole(
                role=self._names[other],
                similarity=math.sqrt(square),
                level=None if level_of[other] == _UNKNOWN else schema.LEVELS[level_of[other]],
            )
            for square, other in sorted(listing, key=lambda one: (-one[0], one[1]))
        ]


@dataclass(frozen=True, slots=True)
class _Past:
    """Rows up to the period, sorted by role, skill and period: arrays with one entry per row.

    Attributes:
        frame: the rows themselves.
        role: code of the role, in the order of the names.
        skill: code of the skill, likewise.
        department: code of the department at the row's period, likewise.
        pair: code of role x skill, from 0 without gaps, in the order of the rows.
        age: months from the row's period to the period described.
        level: 0 LOW, 1 MEDIUM, 2 HIGH, -1 unknown.
    """

    frame: pl.DataFrame
    role: _Ints
    skill: _Ints
    department: _Ints
    pair: _Ints
    age: _Ints
    level: _Ints

    @property
    def now(self) -> _Mask:
        """Rows of the period described."""
        now: _Mask = self.age == 0
        return now

    @property
    def known(self) -> _Mask:
        """Rows whose level is known."""
        return self.level > _UNKNOWN

    @property
    def shape(self) -> tuple[int, int]:
        """Number of roles and of skills."""
        return int(self.role.max()) + 1, int(self.skill.max()) + 1

    def matrix(self, rows: _Mask) -> _Matrix:
        """Roles x skills, 1 at the chosen rows; no pair may be chosen twice."""
        ones = np.ones(int(rows.sum()))
        return sparse.coo_array((ones, (self.role[rows], self.skill[rows])), shape=self.shape).tocsr()


def _read_past(snapshots: pl.DataFrame, period: str) -> _Past:
    """Keep the rows up to ``period``, put them in one order, turn names into codes and periods into ages."""
    absent = [name for name in _COLUMNS if name not in snapshots.columns]
    if absent:
        raise MissingColumnsError(path="snapshots", columns=", ".join(absent), found=", ".join(snapshots.columns))
    known = snapshots.select(_COLUMNS).filter(pl.col(schema.PERIOD).cast(pl.String) <= period)
    frame = (
        known.with_columns(
            *(_coded(known[name]) for name in _NAMES),
            _months(pl.lit(period)).sub(_months(pl.col(schema.PERIOD).cast(pl.String))).alias("age"),
            pl.col(schema.OBSERVED_LEVEL)
            .cast(pl.String)
            .replace_strict(schema.LEVEL_RANK, default=_UNKNOWN, return_dtype=pl.Int64)
            .alias("level"),
        )
        .drop(schema.OBSERVED_LEVEL)
        .sort(schema.ROLE, schema.SKILL, schema.PERIOD)
    )
    role, skill, department = (
        frame[name].to_physical().cast(pl.Int64).fill_null(_UNKNOWN).to_numpy() for name in _NAMES
    )
    age = frame["age"].to_numpy()
    changes = (np.diff(role) != 0) | (np.diff(skill) != 0)
    repeated = np.flatnonzero(~changes & (np.diff(age) == 0))
    if len(repeated):
        first = int(repeated[0])
        raise DataError(
            translatable("{role}, {skill}, {period}: more than one snapshot of the same period, role and skill."),
            role=frame[first, schema.ROLE],
            skill=frame[first, schema.SKILL],
            period=frame[first, schema.PERIOD],
        )
    return _Past(
        frame=frame,
        role=role,
        skill=skill,
        department=department,
        pair=np.concatenate([np.zeros(min(1, len(role)), dtype=np.int64), np.cumsum(changes)]),
        age=age,
        level=frame["level"].to_numpy(),
    )


def _coded(names: pl.Series) -> pl.Series:
    """Names as codes in their order, without gaps: millions of them are sorted and compared as small numbers."""
    texts = names.cast(pl.String)
    return texts.cast(pl.Enum(texts.unique().drop_nulls().sort()))


def _months(period: pl.Expr) -> pl.Expr:
    """Months since year 0 of a period written YYYY-MM."""
    return period.str.slice(0, 4).cast(pl.Int64) * 12 + period.str.slice(5, 2).cast(pl.Int64)


def _as_frame(past: _Past, columns: dict[str, _Floats]) -> pl.DataFrame:
    """One row per pair listed now; a column that is absent is unknown everywhere. ``columns`` is emptied on the way."""
    level_of = dict(enumerate(schema.LEVELS))
    keys = past.frame.filter(pl.Series(past.now)).select(
        pl.col(schema.ROLE, schema.SKILL).cast(pl.String),
        pl.col("level").replace_strict(level_of, default=None, return_dtype=pl.String).alias(schema.CURRENT_LEVEL),
    )
    unknown = np.full(keys.height, np.nan)
    return keys.with_columns(
        # + 0.0 turns the -0.0 that rounding leaves into 0.0
        pl.Series(name, np.round(columns.pop(name, unknown), DECIMALS) + 0.0).fill_nan(None)
        for name in HISTORY_FEATURES
    )


# --- the pair's own past ------------------------------------------------------------------------------------


def _months_since_first_listed(past: _Past) -> _Floats:
    """Months since the first row of the pair (0: listed now for the first time)."""
    oldest = np.zeros(past.pair.max(initial=-1) + 1, dtype=np.int64)
    np.maximum.at(oldest, past.pair, past.age)
    return oldest[past.pair[past.now]].astype(np.float64)


def _weights(age: _Ints) -> _Floats:
    """Weight of a period in the memory: halved every ``HALF_LIFE_MONTHS``."""
    weights: _Floats = np.exp2(-age / HALF_LIFE_MONTHS)
    return weights


def _memory(past: _Past) -> _Matrix:
    """Roles x skills: memory of need, in [0, 1] (see the top of the module); absent entries are 0."""
    observed: _Floats = np.zeros(past.shape[0])
    for age in np.unique(past.age[past.known]):
        observed[np.unique(past.role[past.known & (past.age == age)])] += _weights(age)
    pairs = past.pair[-1] + 1
    weights = _weights(past.age)
    high = past.level == _HIGH
    needed = np.bincount(past.pair[high], weights[high], minlength=pairs)
    unknown = np.zeros(pairs)
    moment = past.role * (past.age.max() + 1) + past.age  # of one role at one period
    hidden = ~past.known & np.isin(moment, np.unique(moment[past.known]))
    np.add.at(unknown, past.pair[hidden], weights[hidden])
    first = np.flatnonzero(np.diff(past.pair, prepend=-1))
    kept = needed > 0
    role, skill = past.role[first][kept], past.skill[first][kept]
    known = np.maximum(observed[role] - unknown[kept], needed[kept])
    return sparse.coo_array((needed[kept] / known, (role, skill)), shape=past.shape).tocsr()


def _own_history(past: _Past, memory: _Matrix) -> dict[str, _Floats]:
    """How often, how long ago, and what before: of the pair itself."""
    now, pairs = past.pair[past.now], past.pair[-1] + 1
    high, before = past.level == _HIGH, past.known & (past.age > 0)
    last_need = np.full(pairs, np.inf)
    np.minimum.at(last_need, past.pair[high], past.age[high].astype(np.float64))
    # rows of a pair run from the oldest to the latest: the last assignment stands
    previous = np.full(pairs, np.nan)
    previous[past.pair[before]] = past.level[before]
    return {
        "periods_in_need_before": np.bincount(past.pair[high & before], minlength=pairs)[now].astype(np.float64),
        "months_since_last_need": np.where(np.isinf(last_need), np.nan, last_need)[now],
        "need_memory": _at_pairs(memory, past),
        "previous_level_rank": previous[now],
    }


# --- how widely needed --------------------------------------------------------------------------------------


def _need_counts(past: _Past, memory: _Matrix) -> dict[str, _Floats]:
    """How many roles need the skill now (all, same department), and how many skills the role needs."""
    now = past.now
    role, skill, level = past.role[now], past.skill[now], past.level[now]
    high, known = level == _HIGH, level > _UNKNOWN
    cell = past.department[now] * past.shape[1] + skill
    remembered = _at_pairs(memory, past)

    def total(codes: _Ints, amounts: NDArray[Any]) -> _Floats:
        """Sum of the amounts over the rows of the same code, for each row."""
        _, place = np.unique(codes, return_inverse=True)
        sums: _Floats = np.bincount(place, amounts.astype(np.float64)).astype(np.float64)[place]
        return sums

    return {
        "roles_in_need": total(skill, high),
        "share_of_roles_in_need": _ratio(total(skill, high), total(skill, known)),
        "share_of_roles_medium_or_high": _ratio(total(skill, level >= _MEDIUM), total(skill, known)),
        "department_roles_in_need": total(cell, high),
        "department_share_in_need": _ratio(total(cell, high), total(cell, known)),
        "department_need_memory": total(cell, remembered),
        "role_skills_in_need": total(role, high),
        "role_share_in_need": _ratio(total(role, high), total(role, known)),
    }


def _momentum(past: _Past) -> dict[str, _Floats]:
    """Change per year of the shares in need of skill and role, since the last earlier period with levels."""
    now, earlier = past.now & past.known, past.age[past.known & (past.age > 0)]
    if not now.any() or not len(earlier):
        return {}
    months = int(earlier.min())
    then = past.known & (past.age == months)
    columns = {}
    for name, codes in (("skill_need_momentum", past.skill), ("role_need_momentum", past.role)):
        size = int(codes.max()) + 1
        high = past.level == _HIGH
        now_share, then_share = (
            _ratio(
                np.bincount(codes[rows & high], minlength=size).astype(np.float64),
                np.bincount(codes[rows], minlength=size).astype(np.float64),
            )
            for rows in (now, then)
        )
        columns[name] = ((now_share - then_share) * MOMENTUM_MONTHS / months)[codes[past.now]]
    return columns


# --- what neighbours need -----------------------------------------------------------------------------------


def _neighbour_needs(past: _Past, memory: _Matrix) -> dict[str, _Floats]:
    """Need in similar roles, need of skills that go together, and what is left to expect without either."""
    listed = past.matrix(past.now)
    by_title, by_listing, by_need = _profiles(past, memory, listed)
    compared = [by_title, by_listing, by_need], [by_listing], [by_need]
    with ThreadPoolExecutor(joblib.cpu_count()) as threads:  # products of sparse matrices leave Python to others
        needs = [threads.submit(_similar_roles_need, profiles, memory, listed, past) for profiles in compared]
        companions = threads.submit(_companion_skills_need, memory, past)
        similar, by_listing_alone, by_need_alone = (need.result() for need in needs)
    return {
        "similar_roles_need": similar,
        "similar_listing_roles_need": by_listing_alone,
        "similar_needing_roles_need": by_need_alone,
        "companion_skills_need": companions.result(),
        "expected_need": _expected_need(memory, listed, past),
        "similar_need_rank_in_role": _rank_in_role(similar, past),
    }


def _profiles(past: _Past, memory: _Matrix, listed: _Matrix) -> tuple[_Matrix, _Matrix, _Matrix]:
    """What roles are compared by, one row a role: words of the title, skills listed, skills needed; rare ones weigh more."""
    return _title_profiles(past), _unit_rows(listed * _rarity(listed)), _unit_rows(memory * _rarity(memory))


def _rarity(amounts: _Matrix) -> _Floats:
    """Weight of each column, the rarer the heavier: ``log((rows + 1) / column sum)``, the sum being 1 or more."""
    weights: _Floats = np.log((amounts.shape[0] + 1.0) / np.maximum(amounts.sum(axis=0), 1.0))
    return weights


def _title_profiles(past: _Past) -> _Matrix:
    """Roles x words of their titles (three letters or more), rare words weighing more, rows of length 1."""
    titles = past.frame[schema.ROLE].unique().sort().to_list()
    found = [(role, word) for role, title in enumerate(titles) for word in sorted(_words(title))]
    place = {word: column for column, word in enumerate(sorted({word for _, word in found}))}
    rows, columns = [role for role, _ in found], [place[word] for _, word in found]
    shape = (len(titles), max(len(place), 1))
    words = sparse.coo_array((np.ones(len(found)), (rows, columns)), shape=shape).tocsr()
    return _unit_rows(words * _rarity(words))


def _words(title: str) -> set[str]:
    """Words of a title."""
    return set(re.findall(r"\w{3,}", title.casefold()))


def _similar_roles_need(profiles: Sequence[_Matrix], memory: _Matrix, listed: _Matrix, past: _Past) -> _Floats:
    """Weighted mean of the memory over the role itself and its nearest roles, for each pair listed now.

    ``score(r, s) = sum_q w(r, q) memory(q, s) / (sum_q w(r, q) counts(q, s) + PRIOR)``, where ``w(r, q)`` is the
    square of the mean cosine of the two roles' profiles for the ``NEIGHBOURS`` nearest roles, ``OWN_WEIGHT`` for the
    role itself and 0 for others, and ``counts(q, s)`` is 1 if q lists s or once needed it: a role that has nothing to
    do with the skill says nothing. The prior draws thin evidence towards 0.
    """
    role, skill = past.role[past.now], past.skill[past.now]
    profile = _side_by_side(profiles)
    counts = listed.maximum(memory.sign())
    scores = np.zeros(len(role))
    for start in range(0, past.shape[0], _BLOCK):
        rows = slice(start, min(start + _BLOCK, past.shape[0]))
        places = slice(*np.searchsorted(role, (rows.start, rows.stop)))
        if places.start == places.stop:  # of these roles nothing is listed now
            continue
        weights = _nearest(profile, rows)
        needed, counted = (weights @ memory).tocsr(), (weights @ counts).tocsr()
        r, s = role[places] - start, skill[places]
        scores[places] = needed[r, s] / (counted[r, s] + PRIOR)
    return scores


def _side_by_side(profiles: Sequence[_Matrix]) -> _Matrix:
    """Profiles as one: the cosine of two of its rows is the mean of their cosines."""
    return (sparse.hstack(profiles) / np.sqrt(len(profiles))).tocsr()


def _nearest(profile: _Matrix, rows: slice) -> _Matrix:
    """Weights of all roles for the roles ``rows``: squared cosine if among the nearest, ``OWN_WEIGHT`` for itself."""
    cosines = (profile[rows] @ profile.T).toarray()
    own = np.arange(rows.start, rows.stop)
    cosines[own - rows.start, own] = 0.0
    # coarse rounding before ranking: equal neighbours stay equal whatever the last bit, and then go by name
    squares = np.round(cosines**2, DECIMALS)
    if squares.shape[1] > NEIGHBOURS:
        far = np.argsort(-squares, axis=1, kind="stable")[:, NEIGHBOURS:]
        np.put_along_axis(squares, far, 0.0, axis=1)
    squares[own - rows.start, own] = OWN_WEIGHT
    return sparse.csr_array(squares)


def _companion_skills_need(memory: _Matrix, past: _Past) -> _Floats:
    """Mean over the role's needed skills k of ``P(s needed | k needed)``, weighted by the memory of k.

    ``P(s | k) = sum_q memory(q, k) memory(q, s) / sum_q memory(q, k) ** 2`` over all roles q; 0 for s = k.
    """
    together = (memory.T @ memory).tocoo()
    squares = memory.power(2).sum(axis=0)
    apart = together.row != together.col
    row, column = together.row[apart], together.col[apart]
    given = sparse.coo_array((together.data[apart] / squares[row], (row, column)), shape=together.shape).tocsr()
    scores = _at_pairs((memory @ given).tocsr(), past)
    mean: _Floats = scores / np.maximum(memory.sum(axis=1), 1.0)[past.role[past.now]]
    return mean


def _expected_need(memory: _Matrix, listed: _Matrix, past: _Past) -> _Floats:
    """Smoothed mean memory of the role times that of the skill: need as if the two were independent."""
    by_role = (memory.sum(axis=1) + 0.5) / (listed.sum(axis=1) + 2.0)
    by_skill = (memory.sum(axis=0) + 0.1) / (listed.sum(axis=0) + 1.0)
    expected: _Floats = by_role[past.role[past.now]] * by_skill[past.skill[past.now]]
    return expected


def _rank_in_role(scores: _Floats, past: _Past) -> _Floats:
    """1 + how many of the role's skills not in need score higher; 0 for a skill in need now."""
    role, high = past.role[past.now], past.level[past.now] == _HIGH
    scores = np.round(scores, DECIMALS)
    ranks = np.zeros(len(role))
    open_places = np.flatnonzero(~high)
    order = open_places[np.lexsort((-scores[open_places], role[open_places]))]
    position = np.arange(len(order))
    new_role = np.diff(role[order], prepend=-1) != 0
    new_score = new_role | (np.diff(scores[order], prepend=np.inf) != 0)
    role_start = np.maximum.accumulate(np.where(new_role, position, 0))
    score_start = np.maximum.accumulate(np.where(new_score, position, 0))
    ranks[order] = score_start - role_start + 1
    return ranks


def _unit_rows(matrix: _Matrix) -> _Matrix:
    """The rows divided by their Euclidean length; empty rows stay empty."""
    rows = matrix.tocsr()
    lengths = np.sqrt(rows.power(2).sum(axis=1))
    return (rows.T / np.where(lengths > 0, lengths, 1.0)).T.tocsr()


def _at_pairs(matrix: _Matrix, past: _Past) -> _Floats:
    """Entries of a roles x skills matrix at the pairs listed now."""
    values: _Floats = np.asarray(matrix[past.role[past.now], past.skill[past.now]], dtype=np.float64)
    return values


def _ratio(part: _Floats, whole: _Floats) -> _Floats:
    """``part / whole``, NaN where the whole is 0."""
    share: _Floats = np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
    return share
