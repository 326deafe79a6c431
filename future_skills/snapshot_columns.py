"""The headings under which an HR file may give each column: our name, the template's French one, the English one."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from future_skills import schema
from future_skills.errors import DataFileError, MissingColumnsError, UsageError, translatable
from future_skills.snapshot_values import without_accents

FRENCH_HEADINGS: Final = {
    schema.PERIOD: "Période (AAAA-MM)",
    schema.ROLE_CODE: "Code du métier",
    schema.ROLE: "Métier",
    schema.DEPARTMENT: "Département",
    schema.SKILL: "Compétence",
    schema.CATEGORY: "Catégorie de compétence",
    "trend_score": "Tendance (0 à 1)",
    "internal_usage": "Usage interne (0 à 1)",
    "training_requests": "Demandes de formation",
    "scarcity_index": "Indice de rareté (0 à 1)",
    "hiring_difficulty": "Difficulté de recrutement (0 à 1)",
    "avg_salary_k": "Salaire moyen (k€)",
    "economic_indicator": "Indicateur économique (%)",
    schema.OBSERVED_LEVEL: "Niveau de besoin observé",
}
"""Headings of the template; the part in parentheses may be left out."""

ENGLISH_HEADINGS: Final = {
    schema.PERIOD: "Period",
    schema.ROLE_CODE: "Job role code",
    schema.ROLE: "Job role",
    schema.DEPARTMENT: "Department",
    schema.SKILL: "Skill",
    schema.CATEGORY: "Skill category",
    "trend_score": "Trend score",
    "internal_usage": "Internal usage",
    "training_requests": "Training requests",
    "scarcity_index": "Scarcity index",
    "hiring_difficulty": "Hiring difficulty",
    "avg_salary_k": "Average salary (k)",
    "economic_indicator": "Economic indicator",
    schema.OBSERVED_LEVEL: "Observed need level",
}

OPTIONAL_COLUMNS: Final = (schema.ROLE_CODE, schema.OBSERVED_LEVEL)
"""Columns a file may lack: a role without code is known by its name, a need never observed is unknown."""

SHOWN_HEADINGS: Final = 40


def normal_heading(heading: str) -> str:
    """A heading without capitals, accents, punctuation or double spaces; units such as € and % are kept."""
    return " ".join(re.sub(r"[\s_\-.'’()\ufeff]+", " ", without_accents(heading)).split())


def _known_headings() -> dict[str, str]:
    """Normal heading -> our column."""
    known = {}
    for headings in ({name: name for name in schema.SNAPSHOT_COLUMNS}, FRENCH_HEADINGS, ENGLISH_HEADINGS):
        for column, heading in headings.items():
            known[normal_heading(heading)] = column
            known[normal_heading(heading.partition("(")[0])] = column
    return known


KNOWN_HEADINGS: Final = _known_headings()


def match_headings(path: str, headings: Sequence[str], column_map: Mapping[str, str]) -> dict[str, int]:
    """Where each of our columns stands among the headings of a file.

    Args:
        path: name of the file, for messages.
        headings: as the file writes them; blank ones are skipped.
        column_map: their heading -> our column, from ``--map``; it goes before the known headings.

    Returns:
        Our column -> index; required columns are all there.

    Raises:
        UsageError: ``column_map`` names a heading the file does not have.
        DataFileError: two headings are the same, or mean the same column.
        MissingColumnsError: a required column is not there.
    """
    chosen = {normal_heading(theirs): ours for theirs, ours in column_map.items()}
    normal = [normal_heading(heading) for heading in headings]
    shown = ", ".join(heading.strip()[:80] for heading in headings[:SHOWN_HEADINGS] if heading.strip()) or "—"
    for theirs in column_map:
        if normal_heading(theirs) not in normal:
            raise UsageError(
                translatable("{path} has no column {theirs}, which --map names. Columns found: {found}."),
                path=path,
                theirs=theirs,
                found=shown,
            )
    places: dict[str, int] = {}
    seen: dict[str, int] = {}
    for index, heading in enumerate(normal):
        if not heading:
            continue
        column = chosen.get(heading) or KNOWN_HEADINGS.get(heading)
        earlier = seen.get(column or heading)
        if earlier is not None:
            raise DataFileError(
                translatable("{path}: columns {first} and {second} have the same meaning: {column}."),
                hint=translatable("Keep one of them, or give the other a different heading."),
                path=path,
                first=f"{earlier + 1} ({headings[earlier].strip()[:80]})",
                second=f"{index + 1} ({headings[index].strip()[:80]})",
                column=column or headings[index].strip()[:80],
            )
        seen[column or heading] = index
        if column:
            places[column] = index
    missing = [column for column in schema.SNAPSHOT_COLUMNS if column not in places and column not in OPTIONAL_COLUMNS]
    if missing:
        raise MissingColumnsError(path=path, columns=", ".join(missing), found=shown)
    return places


def check_column_map(column_map: Mapping[str, str]) -> None:
    """Refuse a ``--map`` that names a column we do not have, or one of ours twice.

    Raises:
        UsageError: names it.
    """
    for theirs, ours in column_map.items():
        if ours not in schema.SNAPSHOT_COLUMNS:
            raise UsageError(
                translatable("--map {theirs}={ours}: there is no column {ours}. Ours are: {columns}."),
                theirs=theirs,
                ours=ours,
                columns=", ".join(schema.SNAPSHOT_COLUMNS),
            )
    twice = sorted({ours for ours in column_map.values() if list(column_map.values()).count(ours) > 1})
    if twice:
        raise UsageError(translatable("--map names {column} twice."), column=twice[0])
