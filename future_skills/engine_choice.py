"""How a version is run: what was chosen, and what it was measured by. Read without loading what runs it (``engine``)."""

from typing import Final, Literal

from future_skills.manifest import Part

FEW_ROWS: Final = 32
"""Rows from which scikit-learn's trees are taken, where nobody measured it."""

Reason = Literal["", "not_compilable", "no_rows", "levels_differ", "probabilities_differ", "slower"]


class EngineChoice(Part):
    """How a version is run, and what it was measured by.

    Attributes:
        compiled: whether a compiled model answers; else scikit-learn's own ``predict_proba`` does.
        reason: why it does not; empty where it does.
        part: what cannot be compiled.
        few: rows from which scikit-learn's trees are faster than the walk.
        rows: on how many rows both were compared.
        differing: of how many of them the levels differed.
        largest_difference: of a probability, over all of them.
        one_row_us: microseconds for one row, the median of some; None where it was not measured, or not compiled.
        scikit_learn_us: the same for scikit-learn, asked with a frame of one row.
        cores: that many rows were answered with.
    """

    compiled: bool
    reason: Reason = ""
    part: str = ""
    few: int = FEW_ROWS
    rows: int = 0
    differing: int = 0
    largest_difference: float = 0.0
    one_row_us: float | None = None
    scikit_learn_us: float | None = None
    cores: int | None = None
