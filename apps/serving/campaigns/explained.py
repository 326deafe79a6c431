"""Why a campaign says what it says of some pairs, from what its version had read. Never a write."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from apps.registry.models import ModelVersion
from apps.serving.campaigns.models import Campaign
from apps.serving.reader import open_predictor
from future_skills.formatting import Language, signed_points
from future_skills.prediction import Predictor
from future_skills.reasons import Reasons
from future_skills.reasons_text import FEATURE_NAMES, reasons_text, value_text
from future_skills.schema import HIGH

BRIEF: Final = 3
"""Facts named in the brief reasons of a pair."""


@lru_cache(maxsize=2)
def _predictor(manifest_sha256: str) -> Predictor:
    """The version of a manifest, opened once by a process."""
    return open_predictor(ModelVersion.objects.get(manifest_sha256=manifest_sha256))


def reasons_of(campaign: Campaign, rows: Sequence[Mapping[str, Any]]) -> list[Reasons]:
    """The reasons of some pairs, in order.

    Args:
        campaign: a finished one.
        rows: of its result, everything that its version had read.

    Raises:
        ReasonsUnavailableError: the version gives none, and says why.
        ArtifactError: it cannot be trusted, or cannot be opened here.
    """
    predictor = _predictor(campaign.deployment.version.manifest_sha256)
    return predictor.explain([{name: row[name] for name in predictor.columns} for row in rows])


def why_high(reasons: Reasons, language: Language) -> str:
    """Why P(HIGH) is what it is, in a sentence or two."""
    return reasons_text(reasons, language, about=HIGH)


def briefly(reasons: Reasons, language: Language) -> str:
    """The facts that add most to P(HIGH), each with its value and what it adds; "" where none does."""
    colon = "\u00a0: " if language == "fr" else ": "
    return " · ".join(
        f"{FEATURE_NAMES[language][one.feature]}{colon}{value_text(one.feature, one.value, language)} "
        f"({signed_points(one.effects[HIGH], language)})"
        for one in reasons.toward(HIGH)[:BRIEF]
    )
