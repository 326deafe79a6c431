"""Predictions in the API."""

from typing import Annotated, Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from ninja import Router
from pydantic import Field, StringConstraints, create_model

from apps.accounts.access import needs
from apps.accounts.rights import Right
from apps.registry.api import Body
from apps.serving import predictions
from apps.serving.documents import PredictionsDocument
from apps.serving.facts import PAIR, TAKEN
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


router = Router(tags=["predictions"])


@router.post("/predictions", response=PredictionsDocument, summary=_("How much skills will be needed in job roles"))
@needs(Right.READ)
def predict(request: HttpRequest, body: PredictionsBody) -> PredictionsDocument:
    """What the version in production says of each pair.

    Values that a row does not give are taken from the pair's latest snapshot; history always is.
    """
    rows = [row.model_dump(exclude_unset=True) for row in body.rows]
    return PredictionsDocument.of(predictions.predict(rows))
