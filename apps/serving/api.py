"""Predictions in the API, and their log."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from ninja import Path, Query, Router
from pydantic import Field, StringConstraints, create_model

from apps.accounts.access import login_actor, needs
from apps.accounts.rights import Right
from apps.registry.api import Body
from apps.registry.words import LONGEST_TEXT
from apps.serving import logged, predictions
from apps.serving.documents import Level, LoggedDocument, LoggedPage, PredictionsDocument
from apps.serving.facts import PAIR, TAKEN
from apps.serving.overrides.documents import OverrideDocument, OverridesPage
from apps.serving.overrides.seen import Seen
from apps.serving.overrides.selectors import overrides_matching
from apps.serving.overrides.services import override_prediction, withdraw_override
from apps.serving.reasons import MOST_EXPLAINED
from future_skills import schema

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=schema.NAME_MAX_LENGTH)]
Text = Annotated[str, StringConstraints(max_length=schema.NAME_MAX_LENGTH)] | None
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)] | None

_GIVEN: dict[str, Any] = {
    name: (Text if name in schema.CATEGORICAL_FEATURES else Number, Field(None, description="null: a missing value"))
    for name in TAKEN
}

PredictionRow = create_model("PredictionRow", __base__=Body, **dict.fromkeys(PAIR, (Name, ...)), **_GIVEN)
"""A pair, and the values that should not be taken from its latest snapshot."""


class PredictionsBody(Body):
    rows: Annotated[list[PredictionRow], Field(min_length=1, max_length=predictions.MOST_ROWS)]
    reasons: Annotated[bool, Field(strict=True, description=f"say why, too: for {MOST_EXPLAINED} rows at most")] = False


router = Router(tags=["predictions"])


@router.post("/predictions", response=PredictionsDocument, summary=_("How much skills will be needed in job roles"))
@needs(Right.READ)
def predict(request: HttpRequest, body: PredictionsBody) -> PredictionsDocument:
    """What the version in production says of each pair; every answer is in the prediction log before it leaves.

    Values that a row does not give are taken from the pair's latest snapshot; history always is.
    """
    rows = [row.model_dump(exclude_unset=True) for row in body.rows]
    return PredictionsDocument.of(predictions.predict(rows, actor=login_actor(request), reasons=body.reasons))


# --- The log --------------------------------------------------------------------------------------------------------------
Exact = Annotated[str, Query(max_length=schema.NAME_MAX_LENGTH, description="exact name")]
Deployment = Annotated[int | None, Query(ge=1, le=10**18, description="answered by that deployment")]
Since = Annotated[str, Query(max_length=40, alias="from", description="from that day or moment on")]
Until = Annotated[str, Query(max_length=40, alias="to", description="to the end of that day, or before that moment")]
Before = Annotated[UUID | None, Query(description="only what was answered before that one: “next” of the page before")]
Limit = Annotated[int, Query(ge=1, le=500, description="how many at most")]


@router.get("/predictions", response=LoggedPage, summary=_("Read the prediction log"))
@needs(Right.READ_PREDICTIONS)
def list_predictions(
    request: HttpRequest,
    role: Exact = "",
    skill: Exact = "",
    level: Level | None = None,
    deployment: Deployment = None,
    version: Exact = "",
    requester: Exact = "",
    since: Since = "",
    until: Until = "",
    before: Before = None,
    limit: Limit = logged.PAGE_SIZE,
) -> LoggedPage:
    """Newest first; pages are read in two or three queries, whatever the length of the log."""
    asked = logged.parse_asked(
        role=role,
        skill=skill,
        level=level or "",
        deployment=deployment,
        version=version,
        requester=requester,
        since=since,
        until=until,
    )
    page = logged.page_of(asked, before=before, size=limit)
    return LoggedPage(
        predictions=[LoggedDocument.of(line) for line in page.lines],
        next=page.lines[-1].id if page.older and page.lines else None,
    )


@router.get("/predictions/{prediction}", response=LoggedDocument, summary=_("Read a line of the prediction log"))
@needs(Right.READ_PREDICTIONS)
def show_prediction(request: HttpRequest, prediction: str) -> LoggedDocument:
    """What was answered, to whom, by which version, and everything that the version had read."""
    return LoggedDocument.of(logged.find_line(prediction))


# --- What people decide of predictions --------------------------------------------------------------------------------------
class OverrideBody(Body):
    level: Level
    until: Annotated[date, Field(description="the last day on which it counts")]
    reason: Annotated[str, Field(max_length=LONGEST_TEXT)]
    replaces: Annotated[
        int | None, Field(ge=1, le=10**18, description="the decision you had read, where one counts")
    ] = None


class WithdrawalBody(Body):
    reason: Annotated[str, Field(max_length=LONGEST_TEXT)]


OverrideNumber = Annotated[int, Path(ge=1, le=10**18)]


@router.post("/predictions/{prediction}/override", response=OverrideDocument, summary=_("Override a prediction"))
@needs(Right.OVERRIDE_PREDICTIONS)
def override_pair(request: HttpRequest, prediction: str, body: OverrideBody) -> OverrideDocument:
    """Give its pair another level until a day; every answer about the pair says so, and keeps the model's level."""
    seen = Seen.named(prediction=prediction, campaign=None, role="", skill="")
    return OverrideDocument.of(override_prediction(actor=login_actor(request), seen=seen, **body.model_dump()))


@router.post("/overrides/{override}/withdraw", response=OverrideDocument, summary=_("Withdraw an override"))
@needs(Right.OVERRIDE_PREDICTIONS)
def withdraw_pair_override(request: HttpRequest, override: OverrideNumber, body: WithdrawalBody) -> OverrideDocument:
    """The pair has the model's level again."""
    return OverrideDocument.of(withdraw_override(actor=login_actor(request), override=override, reason=body.reason))


@router.get("/overrides", response=OverridesPage, summary=_("What people decided of predictions"))
@needs(Right.READ)
def list_overrides(
    request: HttpRequest,
    role: Exact = "",
    skill: Exact = "",
    in_force: Annotated[bool, Query(description="only what counts today")] = True,
    before: Annotated[int | None, Query(ge=1, le=10**18, description="only decisions before that one")] = None,
    limit: Limit = logged.PAGE_SIZE,
) -> OverridesPage:
    """Newest first."""
    del request
    found = list(overrides_matching(role=role, skill=skill, in_force=in_force, before=before)[: limit + 1])
    return OverridesPage(
        overrides=[OverrideDocument.of(one) for one in found[:limit]],
        next=found[limit - 1].pk if len(found) > limit else None,
    )
