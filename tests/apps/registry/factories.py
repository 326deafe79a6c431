"""Plausible manifests and rows for tests of the registry: small, deterministic, valid by the schema.

``metrics`` derives every rate from a confusion matrix, so the figures agree with each other. The variants
that pages must show well are named: ``NO_EMERGENCE``, ``NO_PERSISTENCE``, ``LONG_NAME``.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from apps.registry.live import champions, live_deployment
from apps.registry.models import Approval, Dataset, Deployment, GateReport, ModelVersion
from apps.registry.policies import active_policy
from future_skills.comparison import Comparison, Difference
from future_skills.gates import (
    Check,
    Evidence,
    Interval,
    ReferenceFacts,
    TestRowsFacts,
    Verdict,
    evidence_sha256,
)
from future_skills.manifest import (
    BaselineMetrics,
    Baselines,
    CategoricalProfile,
    ClassMetrics,
    DatasetReference,
    Emergence,
    Environment,
    Features,
    FileEntry,
    Importance,
    Manifest,
    Metrics,
    NumericProfile,
    Split,
    manifest_text,
)
from future_skills.policy import policy_sha256
from future_skills.schema import CATEGORICAL_FEATURES, LEVELS, NUMERIC_FEATURES

Matrix = tuple[tuple[int, int, int], tuple[int, int, int], tuple[int, int, int]]

GOOD: Matrix = ((20348, 292, 40), (168, 8872, 418), (60, 506, 1710))
WEAK: Matrix = ((20034, 508, 138), (330, 8310, 818), (72, 680, 1524))
SAME_AS_TODAY: Matrix = ((20362, 260, 58), (150, 8860, 448), (65, 520, 1691))
ALL_LOW: Matrix = ((20680, 0, 0), (9458, 0, 0), (2276, 0, 0))

BASE_TIME = datetime(2026, 3, 4, 9, 5, tzinfo=UTC)
LONG_NAME = "v2026.03-essai-des-metiers-proches-sur-toutes-les-directions.rc1"
NO_EMERGENCE = "the level now is known for no row"
NO_PERSISTENCE = "the level now is known for no test row"
HISTORY = ("current_need_level", "ever_in_need", "similar_roles_share_in_need", "skill_roles_in_need")


def sha(text: str) -> str:
    """The sha256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def emergence(lift: float = 11.5, precision_at_200: float = 0.23) -> Emergence:
    """How well 355 emerging needs among 29 913 rows are found."""
    base = 355 / 29913
    return Emergence(
        average_precision=lift * base,
        base_rate=base,
        lift=lift,
        precision_at_200=precision_at_200,
        rows=29913,
        emerged=355,
    )


def metrics(
    matrix: Matrix = GOOD, *, emerged: Emergence | None = None, reasons: dict[str, str] | None = None
) -> Metrics:
    """Metrics that agree with a confusion matrix (real levels in rows)."""
    rows = sum(map(sum, matrix))
    per_class = {level: _class_metrics(matrix, index) for index, level in enumerate(LEVELS)}
    reasons = dict(reasons or {})
    if emerged is None:
        reasons.setdefault("emergence", NO_EMERGENCE)
    return Metrics(
        rows=rows,
        accuracy=sum(matrix[i][i] for i in range(3)) / rows,
        f1_weighted=sum(one.f1 * one.support for one in per_class.values()) / rows,
        f1_macro=sum(one.f1 for one in per_class.values()) / 3,
        per_class=per_class,
        confusion_matrix=matrix,
        kappa_quadratic=0.93,
        log_loss=0.118,
        brier=0.061,
        calibration_error=0.011,
        severe_error_rate=(matrix[0][2] + matrix[2][0]) / rows,
        emergence=emerged,
        reasons=reasons,
    )


def _class_metrics(matrix: Matrix, index: int) -> ClassMetrics:
    right, support = matrix[index][index], sum(matrix[index])
    predicted = sum(row[index] for row in matrix)
    precision = right / predicted if predicted else 0.0
    recall = right / support if support else 0.0
    total = precision + recall
    return ClassMetrics(
        precision=precision,
        recall=recall,
        f1=2 * precision * recall / total if total else 0.0,
        support=support,
    )


def baselines(*, persistence: Metrics | None = None, reason: str = "", same_rows: Metrics | None = None) -> Baselines:
    """The three baselines; ``reason`` leaves persistence out, ``same_rows`` is the model on persistence's rows."""
    beaten = None if reason else baseline(persistence or metrics(SAME_AS_TODAY), same_rows)
    return Baselines(
        majority=baseline(metrics(ALL_LOW)),
        persistence=beaten,
        rules=baseline(metrics(WEAK, emerged=emergence(2.1, 0.03))),
        reasons={"persistence": reason} if reason else {},
    )


def baseline(words: Metrics, same_rows: Metrics | None = None) -> BaselineMetrics:
    """Metrics as those of a baseline."""
    return BaselineMetrics.model_validate({**words.model_dump(), "model_on_same_rows": same_rows})


def manifest(version: str = "v1", **changes: Any) -> Manifest:
    """A valid manifest of a version trained on the O*NET snapshots; any key can be given."""
    history = changes.pop("history", False)
    values: dict[str, Any] = {
        "version": version,
        "metrics": metrics(WEAK, emerged=emergence(8.5, 0.15)) if not history else metrics(emerged=emergence()),
        "baselines": baselines(),
        "created_at": BASE_TIME,
        "duration_s": 47.3,
        "author": "camille",
        "parent": None,
        "changes": "",
        "notes": "",
        "dataset": dataset_reference(),
        "algorithm": "random_forest",
        "feature_set": "history" if history else "base",
        "features": Features(
            categorical=CATEGORICAL_FEATURES, numeric=NUMERIC_FEATURES, history=HISTORY if history else ()
        ),
        "hyperparameters": {
            "n_estimators": 300 if history else 200,
            "min_samples_leaf": 5 if history else 2,
            "class_weight": "balanced",
            "random_state": 42,
        },
        "calibration": None,
        "split": Split(
            kind="time",
            train_periods=("2020-11", "2021-08", "2021-11", "2022-11"),
            test_period="2024-02",
            train_rows=122631,
            test_rows=32414,
            random_state=42,
        ),
        "importances": importances(history=history),
        "profile": profile(),
        "environment": Environment(
            python="3.11.7", platform="Linux x86_64", libraries={"numpy": "2.4.0", "scikit-learn": "1.9.1"}
        ),
        "files": (
            FileEntry(name=f"future_skills_model_{version}.pkl", sha256=sha(f"{version}.pkl"), bytes=18_402_113),
            FileEntry(name=f"future_skills_model_{version}.profile.json", sha256=sha(f"{version}.p"), bytes=48_210),
        ),
    }
    return Manifest.model_validate(values | changes)


def dataset_reference(name: str = "future_skills_dataset.csv", rows: int = 155_045) -> DatasetReference:
    """The dataset's entry in a manifest; its hash follows its name and rows."""
    return DatasetReference(
        name=name,
        sha256=sha(f"{name}{rows}"),
        rows=rows,
        periods=("2020-11", "2021-08", "2021-11", "2022-11", "2024-02"),
        class_distribution={
            "LOW": round(rows * 0.64),
            "MEDIUM": round(rows * 0.29),
            "HIGH": round(rows * 0.07),
        },
    )


def importances(*, history: bool) -> dict[str, Importance]:
    """Permutation importances of every feature."""
    known = {
        "skill_name": (0.142, 0.031),
        "internal_usage": (0.058, 0.012),
        "job_role_name": (0.041, 0.008),
        "trend_score": (0.012, 0.006),
        "scarcity_index": (0.009, -0.001),
        "avg_salary_k": (0.004, 0.002),
        "economic_indicator": (-0.001, 0.0),
    }
    if history:
        known = {name: (f1 / 6, found) for name, (f1, found) in known.items()}
        known |= {
            "current_need_level": (0.318, 0.004),
            "similar_roles_share_in_need": (0.021, 0.048),
            "ever_in_need": (0.013, 0.022),
            "skill_roles_in_need": (0.011, 0.037),
        }
    names = (*CATEGORICAL_FEATURES, *NUMERIC_FEATURES, *(HISTORY if history else ()))
    return {
        name: Importance(f1_macro=f1, emergence=found) for name in names for f1, found in [known.get(name, (0.0, 0.0))]
    }


def profile() -> dict[str, NumericProfile | CategoricalProfile]:
    """The profile of two features, enough for a valid manifest."""
    return {
        "trend_score": NumericProfile(
            missing=0,
            minimum=0.0,
            quantiles=(0.3, 0.45, 0.5, 0.55, 0.7),
            maximum=1.0,
            mean=0.5,
            standard_deviation=0.12,
        ),
        "skill_category": CategoricalProfile(
            missing=0,
            distinct=136,
            top=(("Office suite software", 5210), ("Web platform software", 4102)),
        ),
    }


def dataset(words: DatasetReference) -> Dataset:
    """The dataset row of a manifest's entry, made once."""
    row, _ = Dataset.objects.get_or_create(
        sha256=words.sha256,
        defaults={
            "name": words.name,
            "bytes": 31_204_551,
            "rows": words.rows,
            "card": {"periods": list(words.periods), "class_distribution": words.class_distribution},
            "created_at": BASE_TIME - timedelta(hours=1),
            "created_by": "camille",
        },
    )
    return row


def unsaved_version(
    words: Manifest, *, dataset: Dataset | None = None, parent: ModelVersion | None = None
) -> ModelVersion:
    """The row of a manifest, not written yet (ten thousand go in at once with ``bulk_create``)."""
    return ModelVersion(
        **ModelVersion.copied_columns(words),
        manifest_sha256=sha(manifest_text(words)),
        dataset=dataset,
        parent=parent,
        registered_at=words.created_at + timedelta(minutes=1),
        registered_by=words.author,
    )


def version(name: str = "v1", **changes: Any) -> ModelVersion:
    """A registered version with its dataset row."""
    words = manifest(name, **changes)
    parent = ModelVersion.objects.filter(name=words.parent).first() if words.parent else None
    row = unsaved_version(words, dataset=dataset(words.dataset), parent=parent)
    row.save()
    return row


def many_versions(count: int, *, first: int = 1) -> None:
    """``count`` versions at once, from number ``first`` on, one a minute, their metrics all different."""
    shared = dataset(dataset_reference())
    rows = []
    words = manifest("template", history=True)
    template = unsaved_version(words, dataset=shared)
    for index in range(first - 1, first - 1 + count):
        name = f"v{index + 1}"
        trained = BASE_TIME + timedelta(minutes=index)
        wave = (index * 7919 % 1000) / 10000
        rows.append(
            ModelVersion(
                **ModelVersion.copied_columns(words)
                | {
                    "name": name,
                    "manifest": template.manifest | {"version": name, "created_at": trained.isoformat()},
                    "model_sha256": sha(f"{name}.pkl"),
                    "trained_at": trained,
                    "accuracy": 0.95 - wave,
                    "f1_weighted": 0.94 - wave,
                    "f1_macro": 0.90 - wave,
                },
                manifest_sha256=sha(name),
                dataset=shared,
                registered_at=trained,
                registered_by="camille",
            )
        )
    ModelVersion.objects.bulk_create(rows, batch_size=500)


def comparison(reference: str = "v1", challenger: str = "v2", **changes: Any) -> Comparison:
    """Two versions on the rows they share: the challenger better in most, inconclusive in severe errors."""
    values: dict[str, Any] = {
        "reference": reference,
        "challenger": challenger,
        "rows": 32414,
        "seen": {reference: 0, challenger: 0},
        "reference_metrics": metrics(WEAK, emerged=emergence(8.5, 0.15)),
        "challenger_metrics": metrics(GOOD, emerged=emergence()),
        "differences": (
            Difference("accuracy", 0.9214, 0.9542, 0.0281, 0.0375),
            Difference("f1_weighted", 0.9230, 0.9540, 0.0262, 0.0359),
            Difference("f1_macro", 0.8307, 0.8945, 0.0529, 0.0747),
            Difference("severe_error_rate", 0.0065, 0.0061, -0.0017, 0.0009),
            Difference("emergence", 0.1009, 0.1365, 0.0121, 0.0594),
        ),
        "reference_only_right": 312,
        "challenger_only_right": 1375,
        "mcnemar_p": 1e-9,
        "reason": None,
    }
    return Comparison(**(values | changes))


# --- Promotion ----------------------------------------------------------------------------------------------------------
def checks(*, written: str = "promotable", second: str = "promotable") -> tuple[Check, ...]:
    """Criteria of both locks and a target; ``written`` and ``second`` are the verdicts of one criterion of each."""
    return (
        Check(
            key="previous",
            lock="written",
            verdict=Verdict(written),
            observed=0.9542,
            required=0.9214,
            facts={"reference": "persistence", "first": 1, "gain_required": 0.02, "rows": 32414, "gain": 0.031},
        ),
        *(
            Check(
                key=f"precision.{level}",
                lock="written",
                verdict=Verdict.PROMOTABLE,
                observed=share,
                required=0.6,
                facts={"level": level, "predicted": 2500},
            )
            for level, share in zip(LEVELS, (0.99, 0.96, 0.73), strict=True)
        ),
        Check(key="later_rows", lock="second", verdict=Verdict.PROMOTABLE, observed="2024-02", required="time"),
        *(
            Check(
                key=f"not_worse.{metric}.persistence",
                lock="second",
                verdict=Verdict(second),
                observed=difference,
                required=margin,
                facts={
                    "metric": metric,
                    "reference": "persistence",
                    "name": "persistence",
                    "low": difference - 0.011,
                    "high": difference + 0.009,
                    "rows": 32414,
                    "chance": 0.93,
                    "rows_needed": 11221,
                },
            )
            for metric, difference, margin in (("accuracy", -0.004, -0.02), ("severe_error_rate", 0.003, 0.005))
        ),
        Check(
            key="target.accuracy",
            lock="target",
            verdict=Verdict.PROMOTABLE,
            observed=0.9542,
            required=0.8,
            facts={"measure": "accuracy"},
        ),
    )


def report(version: ModelVersion, *, written: str = "promotable", second: str = "promotable") -> GateReport:
    """The present report of a version, as if it had been evaluated now."""
    policy, key = active_policy(), champions().of(version.pk)
    evidence = Evidence(
        version=version.name,
        model_sha256=version.model_sha256,
        manifest_sha256=version.manifest_sha256,
        dataset_sha256=version.manifest["dataset"]["sha256"],
        policy_sha256=policy_sha256(policy),
        policy=policy,
        test=TestRowsFacts(
            sha256=sha("test rows"),
            kind="time",
            period="2024-02",
            rows=32414,
            roles=750,
            skills=135,
            uses=GateReport.objects.count(),
        ),
        metrics=version.words.metrics,
        intervals={"accuracy": Interval(value=0.9542, low=0.943, high=0.963)},
        seen=0,
        references={"persistence": ReferenceFacts(name="persistence", rows=32414, chance=0.93)},
        sample=None,
        checks=checks(written=written, second=second),
    )
    return GateReport.objects.create(
        version=version,
        sha256=evidence_sha256(evidence.document()),
        verdict=evidence.verdict,
        written_verdict=evidence.written_verdict,
        model_sha256=evidence.model_sha256,
        champion=ModelVersion.objects.filter(pk=key).first(),
        policy_sha256=evidence.policy_sha256,
        test_rows_sha256=evidence.test.sha256,
        created_at=BASE_TIME + timedelta(days=30),
        created_by="camille",
        content=evidence.document(),
    )


def approval(of: GateReport, team: str, by: str, *, decision: str = "approve", comment: str = "") -> Approval:
    """What a team decided of a report."""
    return Approval.objects.create(
        version=of.version,
        report=of,
        team=team,
        decision=decision,
        comment=comment,
        report_sha256=of.sha256,
        model_sha256=of.model_sha256,
        created_at=BASE_TIME + timedelta(days=31),
        created_by=by,
    )


def approved(version: ModelVersion) -> GateReport:
    """The present report of a version, approved by both teams."""
    made = report(version)
    approval(made, "data", "dominique")
    approval(made, "drh", "claire", comment="Vu en comité.")
    return made


def deployment(version: ModelVersion, *, days: int = 32, kind: str = "deploy", reason: str = "") -> Deployment:
    """A version put into production that many days after ``BASE_TIME``, in the place of what is there."""
    at = BASE_TIME + timedelta(days=days)
    before = live_deployment()
    if before is not None:
        Deployment.objects.filter(pk=before.pk).update(live=False, ended_at=at)
    return Deployment.objects.create(
        version=version,
        previous=before,
        report=None if kind == "rollback" else (version.reports.first() or report(version)),
        kind=kind,
        reason=reason,
        started_at=at,
        started_by="olivier",
    )
