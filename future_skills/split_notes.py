"""What a reader must know of how rows were divided: the sentences of ``manifest.Split.note``.

A manifest holds them in English; the doors write them in their own language.
"""

import re
from collections.abc import Callable

from future_skills.errors import translatable

STRATIFIED = translatable("Stratified split at random: 20 % of the rows. Not a test on the future.")
GROUPED = translatable("Split by job role: 20 % of the roles, whole. Not a test on the future.")
NO_LABEL_PERIOD = translatable(
    "The file says the period of each row and not that of its label, which a split by time needs (--label-period-column)."
)
TWINS = translatable("{count} rows that stand in training too were left out of the test.")
NO_HISTORY = translatable(
    "The level now is known for almost no training row: there is no history to learn from, and the names stand in for it."
)
NOTES = (STRATIFIED, GROUPED, NO_LABEL_PERIOD, TWINS, NO_HISTORY)
"""Every sentence that the note of a split may hold."""


def note_sentences(note: str) -> list[tuple[str, dict[str, str]]]:
    """The sentences of a note, each as a template with what fills it; words that are in none of ``NOTES`` come as they are."""
    sentences, rest = [], note
    for template in NOTES:
        found = re.search(re.escape(template).replace(r"\{count\}", r"(?P<count>[0-9]+)"), rest)
        if found is not None:
            sentences.append((template, found.groupdict()))
            rest = rest[: found.start()] + rest[found.end() :]
    if rest.strip():
        sentences.append(("{words}", {"words": " ".join(rest.split())}))
    return sentences


def explain_note(note: str, translate: Callable[[str], str]) -> str:
    """The note of a split, each sentence passed through ``translate``."""
    return " ".join(translate(template).format(**values) for template, values in note_sentences(note))
