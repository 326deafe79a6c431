"""When an answer should not be relied upon ("ne se prononce pas"): too little confidence, or too little to stand on.

The level is kept and a flag stands beside it: whoever reads sees both. A pure function of what the version says of a row, of
how many of its training rows had the row's names, and of a policy (``answer_policy.yaml``).
"""

import json
from collections.abc import Collection, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Annotated, Any, Literal, Self

import polars as pl
import yaml
from pydantic import Field, ValidationError

from future_skills import schema
from future_skills.artifact import PROFILE_SUFFIX, VersionPaths, checked_bytes
from future_skills.errors import PolicyError, translatable
from future_skills.files import sha256_of_bytes
from future_skills.manifest import Manifest, Part, Share
from future_skills.policy import canonical_json, first_mistake
from future_skills.prediction import Prediction, WarningCode

Support = Mapping[str, Mapping[str, int]]
"""Column -> name -> training rows that had it; a column is absent where nobody knows, or the version does not read it."""

Rows = Annotated[int, Field(ge=0, le=1_000_000)]


class MinimumRows(Part):
    """Training rows that must have had a name; 0 asks for none."""

    job_role_name: Rows
    skill_name: Rows


class AnswerPolicy(Part):
    """See ``answer_policy.yaml``.

    Attributes:
        minimum_confidence: below, an answer abstains.
        minimum_training_rows: with fewer of the role's or the skill's, it does too.
        warnings: codes of warnings that are enough by themselves.
    """

    format: Literal[1]
    minimum_confidence: Share
    minimum_training_rows: MinimumRows
    warnings: tuple[WarningCode, ...]

    @property
    def sha256(self) -> str:
        """Of the canonical JSON (hexadecimal): the same numbers, the same hash."""
        return sha256_of_bytes(canonical_json(self.model_dump(mode="json")).encode())


@lru_cache(maxsize=1)
def default_answer_policy() -> AnswerPolicy:
    """The policy of the repository."""
    place = files("future_skills") / "answer_policy.yaml"
    return parse_answer_policy(yaml.safe_load(place.read_text(encoding="utf-8")), path="answer_policy.yaml")


def parse_answer_policy(content: Any, *, path: str = "policy") -> AnswerPolicy:
    """The policy that ``content`` (mappings and numbers) describes.

    Raises:
        PolicyError: it is none; names the first key that is wrong.
    """
    try:
        return AnswerPolicy.model_validate(content)
    except ValidationError as error:
        raise PolicyError(
            translatable("{path} is not an answer policy: {problem}."),
            hint=translatable("Begin with a copy of future_skills/answer_policy.yaml."),
            path=path,
            problem=first_mistake(error),
        ) from error


def training_support(manifest: Manifest, paths: VersionPaths) -> Support:
    """How many training rows of a version had each name; nothing where it kept no profile (an imported one).

    Raises:
        ArtifactMissingError, ArtifactHashMismatchError: its profile is absent, or was changed.
    """
    entry = next((one for one in manifest.files if one.name.endswith(PROFILE_SUFFIX)), None)
    if entry is None:
        return {}
    profile = json.loads(checked_bytes(paths.model.parent / entry.name, entry))
    return {name: profile[name]["counts"] for name in (schema.ROLE, schema.SKILL) if name in profile}


class Abstention:
    """Flags the answers of one version. Threads may share it.

    Args:
        policy: when to abstain.
        support: see ``training_support``.
    """

    def __init__(self, policy: AnswerPolicy, support: Support) -> None:
        self._least_confidence = policy.minimum_confidence
        self._warnings = frozenset(policy.warnings)
        asked = policy.minimum_training_rows.model_dump()
        self._supported: dict[str, Collection[str]] = {
            column: frozenset(name for name, rows in support[column].items() if rows >= least)
            for column, least in asked.items()
            if least and column in support
        }

    @classmethod
    def of(cls, manifest: Manifest, paths: VersionPaths, policy: AnswerPolicy | None = None) -> Self:
        """That of a version, by the policy of the repository unless another is given.

        Raises:
            ArtifactMissingError, ArtifactHashMismatchError: see ``training_support``.
        """
        return cls(policy or default_answer_policy(), training_support(manifest, paths))

    def abstains(self, row: Mapping[str, Any], said: Prediction) -> bool:
        """Whether one answer abstains.

        Args:
            row: ``job_role_name`` and ``skill_name``, at least.
            said: what the version says of it.
        """
        if said.confidence is not None and said.confidence < self._least_confidence:
            return True
        if any(row[column] not in supported for column, supported in self._supported.items()):
            return True
        return any(warning.code in self._warnings for warning in said.warnings)

    def flags(self, rows: pl.DataFrame, said: pl.DataFrame) -> pl.Series:
        """Whether each of many answers abstains.

        Args:
            rows: ``job_role_name`` and ``skill_name``, at least.
            said: what the version says of them (see ``Predictions.to_frame``).

        Returns:
            Booleans named ``abstained``, in the order of the rows.
        """
        wrong = (said["confidence"] < self._least_confidence).fill_null(value=False)
        for column, supported in self._supported.items():
            wrong |= ~rows[column].is_in(list(supported)).fill_null(value=False)
        if self._warnings:
            wrong |= said["warnings"].list.set_intersection(list(self._warnings)).list.len() > 0
        return wrong.alias("abstained")
