"""Reasons in JSON: one shape, for the API and for a command."""

from typing import Literal, Self

from pydantic import Field

from apps.registry.documents import Document
from apps.serving.reasons import AnswerReasons
from apps.serving.similar import SimilarRoles
from future_skills.formatting import Language
from future_skills.history import SimilarRole
from future_skills.reasons import Reasons
from future_skills.reasons_text import changes_text, reasons_text, similar_text
from future_skills.schema import HIGH

Level = Literal["LOW", "MEDIUM", "HIGH"]


class ContributionDocument(Document):
    """What one feature adds to the probability of each level."""

    feature: str
    value: str | float | None
    effects: dict[Level, float] = Field(description="change of each probability; the three sum to 0")


class ChangeDocument(Document):
    """Another value of one feature, all others as they are, with which another level would be announced."""

    feature: str
    value: str | float | None
    needed: float = Field(description="the nearest such value within the range of training")
    level: Level


class BackgroundDocument(Document):
    """What the row is compared with."""

    rows: int
    same_level: bool = Field(description="whether these training rows have the row's own current level")
    level: Level | None


class SimilarRoleDocument(Document):
    """A role that is like the pair's, and lists the same skill."""

    role: str
    similarity: float = Field(description="mean cosine of titles, listed skills and needed skills, 0 to 1")
    level: Level | None

    @classmethod
    def of(cls, similar: SimilarRole) -> Self:
        """From the library's."""
        return cls(role=similar.role, similarity=similar.similarity, level=similar.level)


class SimilarRolesDocument(Document):
    """The similar roles behind the answer, the most similar first."""

    period: str | None = Field(description="of the facts; null: the pair has no snapshot")
    nearest: list[SimilarRoleDocument]
    in_need: list[SimilarRoleDocument] = Field(description="the most similar of those at HIGH")

    @classmethod
    def of(cls, similar: SimilarRoles) -> Self:
        """From the selector's."""
        return cls(
            period=similar.period,
            nearest=[SimilarRoleDocument.of(one) for one in similar.nearest],
            in_need=[SimilarRoleDocument.of(one) for one in similar.in_need],
        )


class ReasonsText(Document):
    """The reasons in words."""

    level: str = Field(description="what the model relies on for the announced level")
    high: str | None = Field(description="the same for P(HIGH); null where HIGH is announced")
    changes: str
    similar: str

    @classmethod
    def of(cls, why: AnswerReasons, language: Language) -> Self:
        """In one language."""
        reasons, similar = why.reasons, why.similar
        return cls(
            level=reasons_text(reasons, language),
            high=None if reasons.level == HIGH else reasons_text(reasons, language, about=HIGH),
            changes=changes_text(reasons, language),
            similar=similar_text(len(similar.nearest), similar.count_in_need, language),
        )


class ReasonsDocument(Document):
    """Why a version answered so: contributions + caution = probability − average, for each level."""

    text: dict[Literal["fr", "en"], ReasonsText]
    average: dict[Level, float] = Field(description="mean probabilities of the training rows it is compared with")
    background: BackgroundDocument
    contributions: list[ContributionDocument] = Field(description="Shapley values, the heaviest first")
    caution: dict[Level, float] = Field(description="what the rule that keeps today's level in doubt adds")
    changes: list[ChangeDocument] = Field(description="the smallest change of each figure that changes the level")
    tried: list[str] = Field(description="figures of which other values were tried")
    similar: SimilarRolesDocument

    @classmethod
    def of(cls, why: AnswerReasons) -> Self:
        """From what was found."""
        reasons: Reasons = why.reasons
        told = reasons.document()
        return cls(
            text={"fr": ReasonsText.of(why, "fr"), "en": ReasonsText.of(why, "en")},
            similar=SimilarRolesDocument.of(why.similar),
            **{name: told[name] for name in ("average", "background", "contributions", "caution", "changes", "tried")},
        )
