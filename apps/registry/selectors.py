"""Reads that cross tables. Never a write."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from django.db.models import F, Q, QuerySet, Subquery
from django.db.models.expressions import OrderBy
from django.db.models.fields.json import KT
from django.db.models.functions import Length

from apps.registry.models import Dataset, ModelVersion
from future_skills.errors import UsageError, VersionNotFoundError, translatable
from future_skills.manifest import VERSION_NAME_PATTERN


def find_version(name: str) -> ModelVersion:
    """The registered version of that name.

    Raises:
        VersionNotFoundError: there is none; the message lists the newest ones.
    """
    version = None
    if re.fullmatch(VERSION_NAME_PATTERN, name):
        # the dataset and the parent have many columns, and few who ask for a version want them
        version = ModelVersion.objects.select_related("retraction", "engine").filter(name=name).order_by().first()
    if version is None:
        newest = ModelVersion.objects.order_by("-id").values_list("name", flat=True)[:20]
        raise VersionNotFoundError(version=name[:80], known=", ".join(newest) or "—")
    return version


def find_dataset(sha256: str) -> Dataset:
    """The registered dataset whose sha256 begins so.

    Raises:
        UsageError: there is none, or there are several.
    """
    found = []
    if re.fullmatch("[0-9a-f]{4,64}", sha256):
        found = list(Dataset.objects.filter(sha256__startswith=sha256)[:2])
    if len(found) != 1:
        raise UsageError(
            translatable("No single registered dataset has a sha256 that begins with “{sha256}”."), sha256=sha256[:80]
        )
    return found[0]


def newest_version_name() -> str | None:
    """Name of the newest version that was not retracted, or None."""
    return (
        ModelVersion.objects.filter(retraction__isnull=True)
        .order_by("-trained_at", "-id")
        .values_list("name", flat=True)
        .first()
    )


# --- The table of versions ------------------------------------------------------------------------
PAGE_SIZE: Final = 50

SORTS: Final[Mapping[str, tuple[Any, ...]]] = {
    "version": (Length("name"), F("name")),
    "date": (F("trained_at"),),
    "dataset": (F("dataset__name"),),
    "rows": (F("dataset__rows"),),
    "accuracy": (F("accuracy"),),
    "f1_weighted": (F("f1_weighted"),),
    "f1_macro": (F("f1_macro"),),
    "same_as_today": (F("persistence_f1_macro"),),
    "emergence": (F("emergence_lift"),),
    "top_200": (F("emergence_precision_at_200"),),
}
"""What the table can be sorted by: columns of rows, so that ten thousand versions stay fast."""

DEFAULT_SORT: Final = "-date"

_COLUMNS: Final[Mapping[str, Any]] = {
    "key": F("id"),
    "name": F("name"),
    "trained_at": F("trained_at"),
    "accuracy": F("accuracy"),
    "f1_weighted": F("f1_weighted"),
    "f1_macro": F("f1_macro"),
    "retracted": F("retraction__reason"),
    "registered_by": F("registered_by"),
    "algorithm": KT("manifest__algorithm"),
    "feature_set": KT("manifest__feature_set"),
    "n_estimators": F("manifest__hyperparameters__n_estimators"),
    "notes": KT("manifest__notes"),
    "dataset": KT("manifest__dataset__name"),
    "rows": F("manifest__dataset__rows"),
    "persistence_f1_macro": F("persistence_f1_macro"),
    "persistence_rows": F("manifest__baselines__persistence__rows"),
    "same_rows_f1_macro": F("manifest__baselines__persistence__model_on_same_rows__f1_macro"),
    "lift": F("emergence_lift"),
    "precision_at_200": F("emergence_precision_at_200"),
    "test_dataset": KT("manifest__dataset__sha256"),
    "test_kind": KT("manifest__split__kind"),
    "test_period": KT("manifest__split__test_period"),
    "test_rows": F("manifest__split__test_rows"),
    "test_seed": F("manifest__split__random_state"),
}
"""Field of ``VersionRow`` -> column, or key inside the manifest: the manifest itself stays in the database.

A text is read as text (``KT``): otherwise SQLite gives "2018" back as a number.
"""

_SELECTED: Final = {f"row_{field}": column for field, column in _COLUMNS.items()}
"""The columns under names that no field of the model has."""


@dataclass(frozen=True, slots=True)
class TestRows:
    """Which rows a version was tested on. Equal values: the same rows."""

    __test__ = False

    dataset: str
    kind: str
    period: str | None
    rows: int
    seed: int | None


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A version as a line of a table. Metrics that could not be computed are None; ``retracted`` is the reason.

    ``persistence_rows``: test rows on which “same as today” stands; where these are not all of them, ``same_rows_f1_macro``
    is the version's own score on them, else None.
    """

    key: int
    name: str
    trained_at: datetime
    dataset: str
    rows: int
    accuracy: float
    f1_weighted: float
    f1_macro: float
    persistence_f1_macro: float | None
    persistence_rows: int | None
    same_rows_f1_macro: float | None
    lift: float | None
    precision_at_200: float | None
    registered_by: str
    algorithm: str
    feature_set: str
    n_estimators: int | None
    notes: str
    retracted: str | None
    test: TestRows


@dataclass(frozen=True, slots=True)
class VersionsPage:
    """One page of the table.

    Attributes:
        rows: the versions, in the order asked.
        total: how many versions the filter keeps.
        page: the page shown, from 1; the last one where a page beyond it was asked.
        pages: how many pages there are, at least 1.
    """

    rows: tuple[VersionRow, ...]
    total: int
    page: int
    pages: int


@dataclass(frozen=True, slots=True)
class RegistrySummary:
    """What the table says in its first line.

    Attributes:
        total: versions registered, retracted ones included.
        recent: the versions trained last, oldest first.
        best: among versions not retracted and tested on the same rows as the newest, the one of best macro F1.
    """

    total: int
    recent: tuple[VersionRow, ...]
    best: VersionRow | None

    @property
    def newest(self) -> VersionRow | None:
        """The version trained last."""
        return self.recent[-1] if self.recent else None


def versions_page(*, text: str, sort: str, page: int) -> VersionsPage:
    """A page of the versions whose name, dataset or author contains ``text``.

    ``sort`` is a key of ``SORTS``, with "-" before it for descending.
    """
    found = _matching(text)
    total = found.count()
    pages = max(1, -(-total // PAGE_SIZE))
    page = min(page, pages)
    start = (page - 1) * PAGE_SIZE
    rows = _rows(found.order_by(*_ordering(sort)), start, start + PAGE_SIZE)
    return VersionsPage(rows, total, page, pages)


def all_versions(*, text: str, sort: str) -> Iterator[VersionRow]:
    """Every version the filter keeps, in the order asked, read as they are consumed."""
    found = _matching(text).order_by(*_ordering(sort)).values(**_SELECTED)
    return (_version_row(row) for row in found.iterator(chunk_size=500))


def registry_summary() -> RegistrySummary:
    """How many versions there are, the newest, and the best on the newest one's test rows."""
    recent = recent_versions()
    if not recent:
        return RegistrySummary(0, (), None)
    test = recent[-1].test
    dataset = Subquery(ModelVersion.objects.order_by("-trained_at", "-id").values("dataset_id")[:1])
    peers = ModelVersion.objects.filter(dataset_id=dataset, retraction=None)
    leaders = _rows(peers.order_by("-f1_macro", "id"), 0, 20)
    best = next((row for row in leaders if row.test == test), None)
    return RegistrySummary(ModelVersion.objects.count(), recent, best)


def recent_versions(count: int = 20) -> tuple[VersionRow, ...]:
    """The versions trained last, oldest first."""
    return tuple(reversed(_rows(ModelVersion.objects.order_by("-trained_at", "-id"), 0, count)))


def newest_versions(*, limit: int, offset: int) -> tuple[VersionRow, ...]:
    """Versions, the one trained last first."""
    return _rows(ModelVersion.objects.order_by("-trained_at", "-id"), offset, offset + limit)


def find_versions(*, text: str, sort: str, limit: int, offset: int) -> tuple[tuple[VersionRow, ...], int]:
    """Some of the versions that ``versions_page`` would show, and how many there are in all."""
    found = _matching(text)
    return _rows(found.order_by(*_ordering(sort)), offset, offset + limit), found.count()


def version_names(count: int = 200) -> list[str]:
    """Names of the newest versions, newest first."""
    return list(ModelVersion.objects.order_by("-trained_at", "-id").values_list("name", flat=True)[:count])


def version_before(version: ModelVersion) -> str | None:
    """Name of the version to compare with: its parent, else the one trained just before."""
    if version.parent:
        return version.parent.name
    earlier = ModelVersion.objects.filter(trained_at__lte=version.trained_at, id__lt=version.id)
    return earlier.order_by("-trained_at", "-id").values_list("name", flat=True).first()


def _matching(text: str) -> QuerySet[ModelVersion]:
    found = ModelVersion.objects.all()
    if text:
        found = found.filter(
            Q(name__icontains=text) | Q(dataset__name__icontains=text) | Q(registered_by__icontains=text)
        )
    return found


def _ordering(sort: str) -> list[OrderBy]:
    """Rows without the value come last, either way; the order is total."""
    keys = (*SORTS[sort.removeprefix("-")], F("id"))
    if sort.startswith("-"):
        return [key.desc(nulls_last=True) for key in keys]
    return [key.asc(nulls_last=True) for key in keys]


def _rows(found: QuerySet[ModelVersion], start: int, end: int) -> tuple[VersionRow, ...]:
    """Some of the versions found, in their order: sorted by keys first, so that no other manifest is opened."""
    keys = list(found.values_list("pk", flat=True)[start:end])
    rows = {row["row_key"]: row for row in ModelVersion.objects.filter(pk__in=keys).values(**_SELECTED)}
    return tuple(_version_row(rows[key]) for key in keys)


def _version_row(row: Mapping[str, Any]) -> VersionRow:
    values = {field: row[f"row_{field}"] for field in _COLUMNS}
    test = TestRows(
        dataset=values.pop("test_dataset"),
        kind=values.pop("test_kind"),
        period=values.pop("test_period"),
        rows=values.pop("test_rows"),
        seed=values.pop("test_seed"),
    )
    if test.kind == "time":
        test = replace(test, seed=None)
    return VersionRow(**values, test=test)
