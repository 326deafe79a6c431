"""What Faible, Moyen and Élevé mean to the people who label a sample: texts in both languages, versioned by their hash."""

from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final

import yaml
from pydantic import AfterValidator, Field, ValidationError

from future_skills.errors import DefinitionsError, UsageError
from future_skills.files import sha256_of_bytes
from future_skills.manifest import Part
from future_skills.policy import canonical_json
from future_skills.text import require_text

LONGEST_DEFINITION: Final = 2_000
"""Characters of a definition at most."""


def _clean(text: str) -> str:
    """The text as it is kept.

    Raises:
        ValueError: it is empty, too long, or holds control characters.
    """
    try:
        text = require_text(text)
    except UsageError as error:
        raise ValueError(str(error)) from error
    if not 0 < len(text) <= LONGEST_DEFINITION:
        message = f"a definition has 1 to {LONGEST_DEFINITION} characters"
        raise ValueError(message)
    return text


Definition = Annotated[str, Field(max_length=10_000), AfterValidator(_clean)]


class LevelWords(Part):
    """The three levels in one language."""

    LOW: Definition
    MEDIUM: Definition
    HIGH: Definition


class Definitions(Part):
    """The three levels in both languages; see ``level_definitions.yaml``."""

    fr: LevelWords
    en: LevelWords

    @property
    def sha256(self) -> str:
        """Of the canonical JSON (hexadecimal): the same texts, the same hash."""
        return sha256_of_bytes(canonical_json(self.model_dump()).encode())


@lru_cache(maxsize=1)
def default_definitions() -> Definitions:
    """Those of the repository."""
    place = files("future_skills") / "level_definitions.yaml"
    return parse_definitions(yaml.safe_load(place.read_text(encoding="utf-8")), path="level_definitions.yaml")


def read_definitions(path: Path) -> Definitions:
    """Read definitions from a YAML file.

    Raises:
        DefinitionsError: it cannot be read, is no YAML, or does not define every level; names the first key that is wrong.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DefinitionsError(path=str(path), problem=error.strerror or "it cannot be read") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise DefinitionsError(path=str(path), problem=" ".join(str(error).split())) from error
    return parse_definitions(content, path=str(path))


def parse_definitions(content: Any, *, path: str = "definitions") -> Definitions:
    """The definitions that ``content`` (mappings and texts) holds.

    Args:
        content: as YAML or JSON gives it.
        path: where it comes from, for messages.

    Raises:
        DefinitionsError: it does not define every level in both languages; names the first key that is wrong.
    """
    try:
        return Definitions.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "definitions"
        raise DefinitionsError(path=path, problem=f"{place}: {first['msg']}") from error
