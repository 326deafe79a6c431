"""Bringing a retraining request to its end: export, training, registration, criteria, and what would have changed.

    RETRAINING_DIR/<request>/lock             held by whoever works on it, on this machine
    RETRAINING_DIR/<request>/dataset.parquet  the dataset that was exported for it

Each step leaves its row, and is not done again: whoever takes up a request whose worker died goes on behind the last one, so
that there is one dataset, one version and one report however often it was killed.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import polars as pl
from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import F
from django.utils import timezone

from apps.accounts.actors import Actor
from apps.audit.services import record
from apps.monitoring.models import RetrainRequest
from apps.monitoring.selectors import find_request
from apps.registry.models import ModelVersion
from apps.registry.services.datasets import export_dataset
from apps.registry.services.engines import measure_version_engine
from apps.registry.services.gate import evaluate_gate
from apps.registry.services.versions import register_version
from apps.registry.store import campaign_path, dataset_path
from apps.serving.campaigns.facts import pairs_at
from apps.serving.leases import Lease, Leases
from apps.serving.models import Campaign
from apps.serving.reader import open_predictor
from future_skills import schema
from future_skills.artifact import VersionPaths
from future_skills.campaign_results import ANSWERS, is_rising
from future_skills.dataset import read_dataset
from future_skills.errors import (
    DefectError,
    FutureSkillsError,
    NotReproducibleError,
    RetrainingBusyError,
    RetrainingGivenUpError,
    translatable,
)
from future_skills.labels import HORIZON_MONTHS, TOLERANCE_MONTHS
from future_skills.manifest import read_manifest
from future_skills.training import Recipe, train

LEASE: Final = timedelta(hours=2)
"""How long a training may take before another machine takes the request over."""

AT_ONCE: Final = 100_000
"""Pairs scored at a time."""

Report = Callable[[str], None]


def work_on(key: int, *, on_step: Report = lambda _words: None) -> RetrainRequest:
    """Take a request up and bring it to its end. One that is over is left as it is.

    Args:
        key: of the request.
        on_step: called with what is done next, in English words to translate.

    Raises:
        RequestNotFoundError: there is none.
        RetrainingBusyError: another process works on it.
        FutureSkillsError, OSError, DatabaseError: what stopped it.
    """
    request = find_request(key)
    if request.over:
        return request
    with REQUESTS.taken(request) as lease:
        if lease is None:  # over by now
            return request
        try:
            _steps(lease, on_step)
        except (KeyboardInterrupt, SystemExit):
            lease.give_back(attempts=F("attempts") - 1)
            raise
        except RetrainingBusyError:
            raise
        except (OSError, DatabaseError, pl.exceptions.PolarsError) as error:
            lease.postpone(error)
            raise
        except FutureSkillsError as error:
            lease.fail(error)
            raise
        except Exception as error:
            lease.fail(DefectError.of(error))
            raise
        return request


def take_up_left_behind() -> Iterator[tuple[int, FutureSkillsError | None]]:
    """Go on with every request that nobody works on, oldest first; one that never gets further is given up.

    Yields:
        The key of each request that was taken up, and what stopped it; None: it is at its end.
    """
    under_way = RetrainRequest.objects.filter(finished_at=None, failed_at=None).order_by("pk")
    yield from REQUESTS.take_up(under_way, work_on)


def _folder(request: RetrainRequest) -> Path:
    return Path(settings.RETRAINING_DIR) / str(request.pk)


REQUESTS: Final = Leases("request", _folder, LEASE, RetrainingBusyError, RetrainingGivenUpError)
"""Who works on which."""


# --- The steps ------------------------------------------------------------------------------------------------------------
def _steps(lease: Lease[RetrainRequest], on_step: Report) -> None:
    """Everything that is left to do."""
    request = lease.row
    actor = Actor(request.requester, request.requester_source)  # type: ignore[arg-type]

    if request.dataset is None:
        on_step(translatable("export the dataset"))
        lease.renew(attempts=0, problem=None, dataset=_exported(request, actor))
        if request.dataset_id == request.parent.dataset_id:  # what arrived changed no labelled row
            _finished(lease, actor, arrived={**request.arrived, "rows": 0, "labels": 0})
            return
    if request.version is None:
        on_step(translatable("train the version"))
        lease.renew(attempts=0, problem=None, version=_registered(lease, actor))
    version = request.version
    if version is None:
        raise RuntimeError("the version was just registered")
    if version.measured_engine is None:
        on_step(translatable("measure its engine"))
        measure_version_engine(actor=actor, version=version.name)
    if request.report is None:
        on_step(translatable("evaluate its criteria"))
        report = evaluate_gate(actor=actor, version=version.name).report
        lease.renew(attempts=0, problem=None, report=report)
    on_step(translatable("look at what it would have changed"))
    _finished(lease, actor, changes=what_would_change(version))


def _exported(request: RetrainRequest, actor: Actor) -> Any:
    """The dataset of the facts as they are now, with the parent's horizon and tolerance."""
    labels = request.parent.dataset.card.get("labels", {}) if request.parent.dataset else {}
    months = {
        "horizon_months": labels.get("horizon_months") or HORIZON_MONTHS,
        "tolerance_months": labels.get("tolerance_months", TOLERANCE_MONTHS),
    }
    return export_dataset(actor=actor, output=_folder(request) / "dataset.parquet", **months).dataset


def _registered(lease: Lease[RetrainRequest], actor: Actor) -> ModelVersion:
    """The version, trained as its parent was on the new dataset.

    What a dead worker had trained already is taken in as it is; what it had registered too.
    """
    request = lease.row
    dataset, parent = request.dataset, request.parent
    if dataset is None:
        raise RuntimeError("the dataset was just exported")
    if not parent.words.split.train_rows_known:
        raise NotReproducibleError(
            translatable("{version} was trained elsewhere: how is not known, so that nothing can be trained like it."),
            version=parent.name,
        )
    if request.name:
        known = ModelVersion.objects.filter(name=request.name).first()
        if known is not None and known.manifest["dataset"]["sha256"] == dataset.sha256:
            return known
        if known is None and _trained_for(request):
            return register_version(actor=actor, path=_model_path(request.name))
    name = next_version_name()
    lease.renew(name=name)
    frame = read_dataset(dataset_path(dataset))
    train(
        frame,
        version=name,
        output=_model_path(name),
        author=actor.name,
        clock=timezone.now,
        recipe=replace(Recipe.of(parent.words), test_period=None),
        parent=parent.name,
        changes=f"Retraining request {request.pk}: {', '.join(request.arrived['periods']) or '—'}",
        notes=request.reason,
    )
    return register_version(actor=actor, path=_model_path(name))


def _model_path(name: str) -> Path:
    path: Path = settings.ML_DIR / f"future_skills_model_{name}.pkl"
    return path


def _trained_for(request: RetrainRequest) -> bool:
    """Whether the files of the request's version are there, whole, and of its dataset."""
    paths = VersionPaths.of(_model_path(request.name))
    if request.dataset is None or not (paths.model.exists() and paths.manifest.exists()):
        return False
    return read_manifest(paths.manifest).dataset.sha256 == request.dataset.sha256


def next_version_name() -> str:
    """``v4`` where the registry, or the folder of versions, goes up to ``v3``."""
    names = [*ModelVersion.objects.values_list("name", flat=True)]
    names += [
        path.stem.removeprefix("future_skills_model_") for path in Path(settings.ML_DIR).glob("future_skills_model_*")
    ]
    numbers = [int(found[1]) for name in names if (found := re.fullmatch(r"v([0-9]{1,9})", name))]
    return f"v{max(numbers, default=0) + 1}"


def what_would_change(version: ModelVersion) -> dict[str, Any] | None:
    """What a version would have said otherwise in the last campaign that is finished; None where there is none.

    Returns:
        ``campaign``, ``period``, ``pairs``, ``moves`` (how many pairs from one level to another), ``rising_before`` and
        ``rising_after`` (pairs expected to become HIGH), ``appeared`` and ``vanished`` among these.
    """
    campaign = Campaign.objects.filter(finished_at__isnull=False).order_by("-pk").first()
    if campaign is None:
        return None
    key = [schema.ROLE, schema.SKILL]
    before = pl.read_parquet(campaign_path(campaign.result_sha256), columns=[*key, *ANSWERS])
    predictor, with_history = open_predictor(version), bool(version.words.features.history)
    after = [
        rows.select(key).hstack(predictor.predict(rows).to_frame().select("level", "emergence"))
        for rows in pairs_at(campaign.period, with_history=with_history, size=AT_ONCE)
    ]
    both = before.join(pl.concat(after), on=key, suffix="_after")
    moves = (
        both.filter(pl.col("level") != pl.col("level_after"))
        .group_by(before="level", after="level_after")
        .len("pairs")
        .sort("before", "after")
    )
    rising_after = pl.col("emergence_after").is_not_null() & (pl.col("level_after") == schema.HIGH)
    return {
        "campaign": campaign.pk,
        "period": campaign.period,
        "pairs": len(both),
        "moves": moves.to_dicts(),
        "rising_before": both.filter(is_rising()).height,
        "rising_after": both.filter(rising_after).height,
        "appeared": both.filter(rising_after & ~is_rising()).height,
        "vanished": both.filter(is_rising() & ~rising_after).height,
    }


def _finished(lease: Lease[RetrainRequest], actor: Actor, **found: Any) -> None:
    """The end of a request, with its event."""
    request = lease.row
    with transaction.atomic():
        lease.finish(**found)
        record(
            actor=actor,
            action="monitoring.complete_retraining",
            object_type="retraining",
            object_id=str(request.pk),
            details={
                "parent": request.parent.name,
                "version": request.version.name if request.version else None,
                "dataset_sha256": request.dataset.sha256 if request.dataset else None,
                "report_sha256": request.report.sha256 if request.report else None,
                "verdict": request.report.verdict if request.report else None,
                **{name: value for name, value in found.items() if name == "changes"},
            },
        )
