"""Verb: go through every past period again as of its date, and keep the track record."""

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import polars as pl
from django.db import transaction
from django.utils import timezone

from apps.accounts.actors import Actor
from apps.accounts.rights import Right, verb
from apps.audit.services import record
from apps.monitoring.models import Replay
from apps.monitoring.retraining import parent_version
from apps.monitoring.services.monitor import label_months
from apps.registry.models import ModelVersion
from apps.registry.selectors import find_version
from apps.workforce.selectors import facts_changed_since, newest_event, snapshots_frame
from future_skills import schema
from future_skills.errors import NotEnoughDataError, NotReproducibleError, UsageError, translatable
from future_skills.replay import ReplayedPeriod, TrackRecord, replay, track_record
from future_skills.training import Recipe

Report = Callable[[str, int, int], None]


@verb(Right.EVALUATE)
def replay_facts(
    *,
    actor: Actor,
    version: str | None = None,
    first: str | None = None,
    last: str | None = None,
    on_period: Report = lambda _period, _done, _all: None,
) -> Replay:
    """Go through the periods of the facts with the recipe of a version, as of the date of each, and keep what came of it.

    What was done before a death is kept, period by period: the same question, asked while the facts are the same, goes on there.

    Args:
        actor: who asks.
        version: whose recipe; None for the live version's.
        first: no period before this one.
        last: no period after this one.
        on_period: called before each period with its name, how many are done and how many there are.

    Raises:
        NothingLiveError: no version is in production, and none was named.
        VersionNotFoundError: no such version.
        NotReproducibleError: it was trained elsewhere, nobody knows how.
        NotEnoughDataError: there are no facts.
        UsageError: no period of the facts lies between ``first`` and ``last``.
    """
    of = find_version(version) if version else parent_version()
    recipe = _recipe(of)
    horizon, tolerance = label_months(of)
    months = {"horizon_months": horizon, "tolerance_months": tolerance}
    facts = snapshots_frame()
    periods = _periods(facts, first, last)
    found = _begun(actor, of, {**asdict(recipe), **months}, periods)
    done = {one["period"]: one for one in found.done}
    left = [period for period in periods if period not in done]
    steps = replay(facts, recipe=recipe, periods=left, **months)
    for period in left:
        on_period(period, len(done), len(periods))
        done[period] = next(steps).record.model_dump(mode="json")
        Replay.objects.filter(pk=found.pk, finished_at=None).update(done=list(done.values()))
    records = [ReplayedPeriod.model_validate(one) for one in done.values()]
    return _finished(found, actor, track_record(facts, records, recipe=recipe, **months))


def _recipe(version: ModelVersion) -> Recipe:
    """What is trained at each period; what happened later is the test, and takes no rows.

    Raises:
        NotReproducibleError: nobody knows how the version was trained.
    """
    if not version.words.split.train_rows_known:
        raise NotReproducibleError(
            translatable("{version} was trained elsewhere: how is not known, so that nothing can be trained like it."),
            version=version.name,
        )
    return replace(Recipe.of(version.words), split=None, test_period=None)


def _periods(facts: pl.DataFrame, first: str | None, last: str | None) -> list[str]:
    """The periods of the facts between two, in order.

    Raises:
        NotEnoughDataError: there are no facts.
        UsageError: none lies between them.
    """
    if facts.is_empty():
        raise NotEnoughDataError(
            translatable("There are no HR facts to replay."),
            hint=translatable("Import them with “manage.py import_snapshots FILE”."),
        )
    there: list[str] = facts[schema.PERIOD].unique().sort().to_list()
    kept = [period for period in there if (first or "") <= period <= (last or "9999-99")]
    if not kept:
        raise UsageError(
            translatable("No snapshot lies between {first} and {last}. Periods: {periods}."),
            first=first or "—",
            last=last or "—",
            periods=", ".join(there),
        )
    return kept


def _begun(actor: Actor, version: ModelVersion, recipe: dict[str, Any], periods: list[str]) -> Replay:
    """The same question that was left unfinished while the facts are what they were, else a new one."""
    asked = {"version": version, "recipe": recipe, "periods": periods}
    left = Replay.objects.filter(version=version, finished_at=None).order_by("-pk").first()
    if (
        left is not None
        and (left.recipe, left.periods) == (recipe, periods)
        and not facts_changed_since(left.facts_event)
    ):
        return left
    return Replay.objects.create(
        **asked, made_at=timezone.now(), made_by=actor.name, facts_event=newest_event(), done=[], content={}
    )


def _finished(found: Replay, actor: Actor, told: TrackRecord) -> Replay:
    """Keep the whole track record, with its event; whoever ended the same one meanwhile had found the same."""
    with transaction.atomic():
        ended = Replay.objects.filter(pk=found.pk, finished_at=None).update(
            finished_at=timezone.now(), done=[], content=told.model_dump(mode="json")
        )
        if ended:
            record(
                actor=actor,
                action="monitoring.replay",
                object_type="replay",
                object_id=str(found.pk),
                details={
                    "version": found.version.name,
                    "recipe": found.recipe,
                    "periods": found.periods,
                    "facts_event": found.facts_event,
                },
            )
    return Replay.objects.select_related("version").get(pk=found.pk)
