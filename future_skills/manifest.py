"""The manifest: the JSON file beside a model that says what it is, what it was made of and what it is worth.

Its shape is the pydantic models below; ``docs/manifest.schema.json`` is the published JSON Schema, written from them.
All rates are shares between 0 and 1. A metric that cannot be computed is null, and ``reasons`` says why.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from future_skills.errors import ArtifactMissingError, ManifestError

MANIFEST_VERSION = 1

VERSION_NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
VersionName = Annotated[str, StringConstraints(pattern=VERSION_NAME_PATTERN)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Share = Annotated[float, Field(ge=0, le=1)]
FeatureSet = Literal["base", "history"]
SplitKind = Literal["time", "stratified", "group"]


class Part(BaseModel):
    """Base of every part: no unknown key, no NaN, no change once made."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, protected_namespaces=())


class ClassMetrics(Part):
    """Metrics of one level. ``precision`` is 0 where the level is never predicted, as scikit-learn says it."""

    precision: Share
    recall: Share
    f1: Share
    support: Annotated[int, Field(ge=0)]


class Emergence(Part):
    """How well P(HIGH) finds, among rows not HIGH now, those that become HIGH.

    ``average_precision`` as scikit-learn; ``lift`` = it over ``base_rate``; ``precision_at_200`` = share that became
    HIGH among the 200 highest P(HIGH), ties in row order.
    """

    average_precision: Share | None
    base_rate: Share | None
    lift: Annotated[float, Field(ge=0)] | None
    precision_at_200: Share | None
    rows: Annotated[int, Field(ge=0)]
    emerged: Annotated[int, Field(ge=0)]


class Metrics(Part):
    """What a model (or a baseline) is worth on ``rows`` rows.

    ``confusion_matrix``: true levels in rows, predicted in columns, in the order LOW, MEDIUM, HIGH. ``brier``: mean sum
    of squared differences over the three classes, 0 to 2. ``calibration_error``: 15 equal-width bins of the top
    label, (k/15, (k + 1)/15].
    ``severe_error_rate``: share of rows two levels away. ``reasons``: metric -> why it is null.
    """

    rows: Annotated[int, Field(ge=0)]
    accuracy: Share
    f1_weighted: Share
    f1_macro: Share
    per_class: Annotated[dict[Literal["LOW", "MEDIUM", "HIGH"], ClassMetrics], Field(min_length=3)]
    confusion_matrix: tuple[tuple[int, int, int], tuple[int, int, int], tuple[int, int, int]]
    kappa_quadratic: Annotated[float, Field(ge=-1, le=1)] | None
    log_loss: Annotated[float, Field(ge=0)] | None
    brier: Annotated[float, Field(ge=0, le=2)] | None
    calibration_error: Share | None
    severe_error_rate: Share
    emergence: Emergence | None
    reasons: dict[str, str] = {}


class BaselineMetrics(Metrics):
    """A baseline on the test rows where it can answer, and the model on those same rows when they are not all."""

    model_on_same_rows: Metrics | None = None


class Baselines(Part):
    """What any version must beat, on the same rows; null where it cannot be computed, and ``reasons`` says why.

    ``majority``: the commonest level of training; ``persistence``: same as today; ``rules``: a short readable rule set
    over the eleven features (see the guide).
    """

    majority: BaselineMetrics | None
    persistence: BaselineMetrics | None
    rules: BaselineMetrics | None
    reasons: dict[str, str] = {}


class DatasetReference(Part):
    """The dataset a version was made of. ``class_distribution``: level -> rows."""

    name: str
    sha256: Sha256
    rows: Annotated[int, Field(ge=1)]
    periods: tuple[str, ...]
    class_distribution: dict[str, int]
    period_column: str = "period"
    label_period_column: str = "label_period"


class Features(Part):
    """Columns the model reads, by kind; the order is categorical, numeric, history."""

    categorical: tuple[str, ...]
    numeric: tuple[str, ...]
    history: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """All of them, in order."""
        return (*self.categorical, *self.numeric, *self.history)


class Split(Part):
    """How rows were divided. ``test_period`` and ``train_periods`` are null and empty where the split is not by time.

    ``train_rows_known`` is false for a model that was imported: ``train_rows`` is then 0, and whether it trained on its test
    rows cannot be checked. ``train_class_distribution``: level -> training rows; empty where they are not known, or in a
    version trained before it was kept.
    """

    kind: SplitKind
    train_periods: tuple[str, ...]
    test_period: str | None
    train_rows: Annotated[int, Field(ge=0)]
    test_rows: Annotated[int, Field(ge=1)]
    random_state: int
    note: str = ""
    train_rows_known: bool = True
    train_class_distribution: dict[str, int] = {}


class Importance(Part):
    """What shuffling one feature costs on test rows (mean over repeats): macro F1, and emergence average precision."""

    f1_macro: float
    emergence: float | None


class Environment(Part):
    """What the training ran on: version of Python, of each library, platform."""

    python: str
    platform: str
    libraries: dict[str, str]


class FileEntry(Part):
    """A file of the version, beside the manifest."""

    name: Annotated[str, StringConstraints(pattern=r"^[^./\\\x00][^/\\\x00]*$")]
    sha256: Sha256
    bytes: Annotated[int, Field(ge=0)]


class NumericProfile(Part):
    """One numeric feature in the training rows; quantiles at 5, 25, 50, 75 and 95 %."""

    missing: int
    minimum: float | None
    quantiles: tuple[float, float, float, float, float] | None
    maximum: float | None
    mean: float | None
    standard_deviation: float | None


class CategoricalProfile(Part):
    """One categorical feature in the training rows: its commonest values and their counts."""

    missing: int
    distinct: int
    top: tuple[tuple[str, int], ...]


class Manifest(Part):
    """See the module's docstring. The order of the fields is the order of the file."""

    version: VersionName
    metrics: Metrics
    baselines: Baselines
    manifest_version: Literal[1] = 1
    created_at: Annotated[
        AwareDatetime, Field(ge=datetime(2000, 1, 1, tzinfo=UTC), lt=datetime(3000, 1, 1, tzinfo=UTC))
    ]
    duration_s: Annotated[float, Field(ge=0)]
    author: str
    parent: VersionName | None
    changes: str
    notes: str
    dataset: DatasetReference
    algorithm: str
    feature_set: FeatureSet
    features: Features
    hyperparameters: dict[str, str | int | float | bool | None]
    calibration: Literal["sigmoid", "isotonic", "temperature"] | None
    split: Split
    importances: dict[str, Importance]
    profile: dict[str, NumericProfile | CategoricalProfile]
    environment: Environment
    files: tuple[FileEntry, ...]

    def file(self, suffix: str) -> FileEntry:
        """The entry of the file whose name ends with ``suffix``.

        Raises:
            ManifestError: there is none.
        """
        for entry in self.files:
            if entry.name.endswith(suffix):
                return entry
        raise ManifestError(path=self.version, problem=f"no file *{suffix} is listed")


def manifest_text(manifest: Manifest) -> str:
    """The manifest as it is written: JSON, indented, one line for what fits in one."""
    return _indented(manifest.model_dump(mode="json")) + "\n"


def parse_manifest(text: str | bytes, *, path: str) -> Manifest:
    """Read a manifest.

    Args:
        text: content of the file.
        path: its name, for messages.

    Raises:
        ManifestError: not JSON, or not of the published schema; names the first key that is wrong.
    """
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "document"
        raise ManifestError(path=path, problem=f"{place}: {first['msg']}") from error


def read_manifest(path: Path) -> Manifest:
    """Read the manifest at ``path``.

    Raises:
        ArtifactMissingError: there is no such file.
        ManifestError: see ``parse_manifest``.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ArtifactMissingError(path=str(path)) from error
    except UnicodeDecodeError as error:
        raise ManifestError(path=str(path), problem="not UTF-8 text") from error
    return parse_manifest(text, path=str(path))


def manifest_schema() -> dict[str, Any]:
    """The JSON Schema of the manifest, published as ``docs/manifest.schema.json``."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Future Skills ML model manifest",
        **Manifest.model_json_schema(mode="serialization"),
    }


def _indented(value: Any, indent: int = 0, width: int = 240) -> str:
    """JSON of ``value``, one line where it fits in ``width`` characters, else one line per item."""
    flat = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if not isinstance(value, dict | list) or not value or (len(flat) + indent <= width and indent > 0):
        return flat
    inner = " " * (indent + 2)
    if isinstance(value, dict):
        items = [
            f"{json.dumps(key, ensure_ascii=False)}: {_indented(item, indent + 2, width)}"
            for key, item in value.items()
        ]
        opening, closing = "{", "}"
    else:
        items = [_indented(item, indent + 2, width) for item in value]
        opening, closing = "[", "]"
    body = ",\n".join(inner + item for item in items)
    return f"{opening}\n{body}\n{' ' * indent}{closing}"
