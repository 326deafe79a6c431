"""Shapley values of a forest against background rows: exact, each player owning one column of the matrix or several.

What a player is given (Shapley 1953) is the mean, over every order in which players may arrive, of what its arrival changes.
The game is the interventional one: players who have arrived bring the values of the row that is explained, the others those
of a background row, and the worth is what the forest says of that mixture; the mean over background rows is taken.

A tree needs no list of mixtures. All of those that end in one leaf share what the way to it asks: players in a set X must
have arrived (only the row goes this way), players in a set B must not have (only the background row does). The leaf gives
each player of X ``(|X| - 1)! |B|! / (|X| + |B|)!`` times its value, and takes ``|X|! (|B| - 1)! / (|X| + |B|)!`` times its
value from each of B: interventional TreeSHAP (Lundberg et al. 2020; proof, and players with several columns: Laberge and
Pequignot 2022). All trees and all background rows are walked together, one level a step: rows that have been alike so far
are one state, told apart by bits.

    Shapley, L. S. (1953). A value for n-person games. Contributions to the Theory of Games II, 307-317.
    Lundberg, S. M. et al. (2020). From local explanations to global understanding with explainable AI for trees.
        Nature Machine Intelligence 2, 56-67.
    Laberge, G., Pequignot, Y. (2022). Understanding Interventional TreeSHAP: how and why it works. arXiv:2209.15123.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from future_skills.forest import Doubles, Floats, PackedForest, Places

MOST_PLAYERS: Final = 64
"""Players that fit the bits of a mask."""

MOST_ROWS: Final = 32
"""Background rows that fit the bits of a set."""

_Masks = NDArray[np.uint64]
_Sets = NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Condition:
    """Mixtures that count: those of some background rows, with some players arrived and others not.

    Attributes:
        rows: background rows, one bit each.
        arrived: players that must have arrived, one bit each.
        absent: players that must not have, one bit each; none of them is in ``arrived``.
    """

    rows: int
    arrived: int = 0
    absent: int = 0


class ForestGame:
    """A forest and its background rows, ready to explain any row. Threads may share it.

    Args:
        forest: the trees.
        background: float32, 1 to ``MOST_ROWS`` rows x columns; NaN is missing.
        players: the player each column belongs to, from 0, at most ``MOST_PLAYERS`` in all; shape (columns,).

    Raises:
        ValueError: too many rows or players, or no row.
    """

    def __init__(self, forest: PackedForest, background: Floats, players: Sequence[int]) -> None:
        if not 0 < len(background) <= MOST_ROWS or max(players) >= MOST_PLAYERS:
            raise ValueError(f"{len(background)} background rows, {max(players) + 1} players")
        self.forest = forest
        self.rows = len(background)
        self.players = max(players) + 1
        # of each place that a node may read in a row written twice
        self._player: _Masks = np.tile(np.uint64(1) << np.asarray(players, dtype=np.uint64), 2)
        self._goes_right: _Sets = np.zeros(len(forest.left), dtype=np.uint32)
        for place, row in enumerate(background):
            right = _written_twice(row).take(forest.column) > forest.threshold
            self._goes_right |= right.astype(np.uint32) << np.uint32(place)

    @property
    def everything(self) -> Condition:
        """Every mixture with every background row."""
        return Condition(rows=(1 << self.rows) - 1)

    def contributions(self, row: Floats, conditions: Sequence[Condition] = ()) -> Doubles:
        """What each player is given, players x classes: the columns sum to f(row) - mean f(background).

        Args:
            row: float32, shape (columns,); NaN is missing.
            conditions: mixtures that count, worth 0 otherwise: no two of them with the same background row. Every mixture
                by default.
        """
        leaf, arrived, absent, rows = self._leaves(row, conditions or (self.everything,))
        x, b = np.bitwise_count(arrived), np.bitwise_count(absent)
        times = np.bitwise_count(rows) / (self.rows * self.forest.n_trees)
        given = self.forest.values.take(leaf, axis=0)
        return self._shared(arrived, given, times * _WEIGHTS[x, b]) - self._shared(
            absent, given, times * _WEIGHTS[b, x]
        )

    def _leaves(self, row: Floats, conditions: Sequence[Condition]) -> tuple[Places, _Masks, _Masks, _Sets]:
        """Every leaf that a mixture comes to, with who must have arrived for it, who must not have, and the background rows."""
        cells, trees, count = _written_twice(row), self.forest.n_trees, len(conditions)
        node = np.tile(np.arange(trees), count)
        arrived = np.repeat(np.array([one.arrived for one in conditions], dtype=np.uint64), trees)
        absent = np.repeat(np.array([one.absent for one in conditions], dtype=np.uint64), trees)
        rows = np.repeat(np.array([one.rows for one in conditions], dtype=np.uint32), trees)
        found: list[tuple[Places, _Masks, _Masks, _Sets]] = []
        while len(node):
            left = self.forest.left.take(node)
            ended = left == node
            at = np.flatnonzero(ended)
            if len(at):
                found.append((node[at], arrived[at], absent[at], rows[at]))
                at = np.flatnonzero(~ended)
                node, left, arrived, absent, rows = node[at], left[at], arrived[at], absent[at], rows[at]
            place = self.forest.column.take(node)
            player = self._player.take(place)
            right = cells.take(place) > self.forest.threshold.take(node)
            others = self._goes_right.take(node)
            apart = rows & np.where(right, ~others, others)
            apart[(arrived & player) != 0] = 0  # the row's value is there: all go its way
            decided = (absent & player) != 0  # the background row's value is there: each goes its own way
            together = rows ^ apart
            own, other = left + right, left + ~right
            same, leaving = np.flatnonzero(together), np.flatnonzero(apart)
            forking = leaving[~decided[leaving]]
            node = np.concatenate([own[same], own[forking], other[leaving]])
            rows = np.concatenate([together[same], apart[forking], apart[leaving]])
            absent = np.concatenate([absent[same], absent[forking], absent[leaving] | player[leaving]])
            arrived = np.concatenate([arrived[same], arrived[forking] | player[forking], arrived[leaving]])
        leaves, have_arrived, are_absent, of_rows = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return leaves, have_arrived, are_absent, of_rows

    def _shared(self, masks: _Masks, given: Doubles, weights: Doubles) -> Doubles:
        """Sum of ``given`` x ``weights`` over the leaves of each player, players x classes.

        Leaves are first summed by each byte of their mask: 256 sums a byte instead of one pass a player.
        """
        amounts = (given * weights[:, None]).T.copy()
        bytes_of_mask = masks.view(np.uint8).reshape(-1, 8)
        if np.little_endian is False:
            bytes_of_mask = bytes_of_mask[:, ::-1]
        shared = np.zeros((MOST_PLAYERS, len(amounts)))
        for byte in range(-(-self.players // 8)):
            of_byte = bytes_of_mask[:, byte].astype(np.intp)
            for output, amount in enumerate(amounts):
                shared[8 * byte : 8 * byte + 8, output] = np.bincount(of_byte, amount, 256) @ _BITS
        return shared[: self.players]


def _written_twice(row: Floats) -> Floats:
    """A row as ``PackedForest.column`` reads it: missing is NaN (never above a threshold), then infinite (always above)."""
    twice: Floats = np.concatenate([row, np.where(np.isnan(row), np.float32(np.inf), row)])
    return twice


def subset_contributions(worth: Doubles) -> Doubles:
    """What each of m players is given, m x outputs, from what every subset of them is worth.

    Args:
        worth: shape (2 ** m, outputs); players whose bit is set in the place have arrived.
    """
    m = (len(worth) - 1).bit_length()
    subsets = np.arange(len(worth))
    arrived = np.bitwise_count(subsets)
    given = np.zeros((m, worth.shape[1]))
    for player in range(m):
        without = subsets[(subsets >> player) & 1 == 0]
        change = worth[without | (1 << player)] - worth[without]
        # one player more than |S|, and the m - |S| - 1 that come after
        given[player] = _WEIGHTS[arrived[without] + 1, m - arrived[without] - 1] @ change
    return given


def _weights() -> Doubles:
    """``weights[i, j] = (i - 1)! j! / (i + j)!``, 0 for i = 0: what one of i gets, j others being against them."""
    table = np.zeros((MOST_PLAYERS + 1, MOST_PLAYERS + 1))
    for i in range(1, MOST_PLAYERS + 1):
        for j in range(MOST_PLAYERS + 1):
            table[i, j] = 1.0 / (i * math.comb(i + j, j))
    return table


_WEIGHTS: Final = _weights()

_BITS: Final = ((np.arange(256)[:, None] >> np.arange(8)) & 1).astype(np.float64)
"""Of each byte, which bits are set: 256 x 8."""
