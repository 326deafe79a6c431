"""A whole forest as one scikit-learn tree: one call walks all of its trees.

scikit-learn goes down a tree in nanoseconds and takes milliseconds between the 200 or 300 trees of a forest. Here their nodes
are one tree, under a few nodes that look at one more column: the number of the tree. A row is asked about once per tree, with
that number written behind its values; the answers are summed in the order of the trees. The walk is scikit-learn's own, missing
values included, and so is the order of the sums: its answers to the last bit.

    forest = MergedForest.of(fitted_extra_trees)
    forest.probabilities(matrix)        # rows x classes, equal to fitted_extra_trees.predict_proba(matrix)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.tree._tree import NODE_DTYPE, Tree

Matrix = Any
"""float32, rows x columns: dense, where NaN is missing, or sparse, without missing values."""

_Doubles = NDArray[np.float64]
_NO_CHILD: Final = -1


@dataclass(frozen=True, slots=True, eq=False)
class MergedForest:
    """Every tree of a forest in one. Threads may share it.

    Attributes:
        tree: reads ``n_features`` columns, then the number of a tree, from 0.
        n_trees: 1 or more.
        n_features: columns of the matrix.
    """

    tree: Tree
    n_trees: int
    n_features: int

    @classmethod
    def of(cls, forest: RandomForestClassifier | ExtraTreesClassifier) -> Self:
        """Merge a fitted forest of one output."""
        states = [one.tree_.__getstate__() for one in forest.estimators_]
        trees = [(state["nodes"], state["values"][:, 0, :]) for state in states]
        return cls._merged(trees, forest.n_features_in_)

    @classmethod
    def of_boosting(cls, model: HistGradientBoostingClassifier) -> Self:
        """Merge fitted boosting of numbers: ``sums`` are its raw scores, one per class (of two classes, the first is 0)."""
        classes = len(model.classes_)
        first = model._baseline_prediction.ravel()
        trees = [(_leaf(), np.concatenate([np.zeros(classes - len(first)), first])[None, :])]
        for iteration in model._predictors:
            for place, predictor in enumerate(iteration, start=classes - len(iteration)):
                values = np.zeros((len(predictor.nodes), classes))
                values[:, place] = predictor.nodes["value"]
                trees.append((_nodes_of_boosting(predictor.nodes), values))
        return cls._merged(trees, model.n_features_in_)

    def probabilities(self, matrix: Matrix) -> _Doubles:
        """Mean of what the trees say, rows x classes."""
        return self.sums(matrix) / self.n_trees

    def sums(self, matrix: Matrix) -> _Doubles:
        """Sum of what the trees say, rows x outputs, added in their order. For few rows: each is copied once per tree."""
        rows = matrix.shape[0]
        step = max(1, _CELLS // (self.n_trees * (self.n_features + 1)))
        if rows > step:
            return np.concatenate([self.sums(matrix[start : start + step]) for start in range(0, rows, step)])
        asked = self._sparse(matrix) if isinstance(matrix, csr_matrix) else self._dense(matrix)
        said: _Doubles = self.tree.predict(asked)
        # over the first axis numpy adds one tree after the other, as scikit-learn does
        sums: _Doubles = said.reshape(self.n_trees, rows, said.shape[1]).sum(axis=0)
        return sums

    def _dense(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        """The rows, once per tree: all of them for the first tree, then all for the second."""
        asked = np.empty((self.n_trees, len(matrix), self.n_features + 1), dtype=np.float32)
        asked[:, :, :-1] = matrix
        asked[:, :, -1] = np.arange(self.n_trees)[:, None]
        return asked.reshape(-1, self.n_features + 1)

    def _sparse(self, matrix: csr_matrix) -> csr_matrix:
        """The same, of a sparse matrix."""
        rows = matrix.shape[0]
        ends = matrix.indptr[1:] + np.arange(rows)  # where the number of the tree stands, behind each row
        indices = np.insert(matrix.indices, matrix.indptr[1:], self.n_features)
        data = np.tile(np.insert(matrix.data, matrix.indptr[1:], 0), (self.n_trees, 1))
        data[:, ends] = np.arange(self.n_trees)[:, None]
        starts = np.arange(self.n_trees)[:, None] * len(indices) + np.concatenate([[0], ends[:-1] + 1])
        return csr_matrix(
            (data.ravel(), np.tile(indices, self.n_trees), np.append(starts, data.size).astype(np.int32)),
            shape=(self.n_trees * rows, self.n_features + 1),
        )

    @classmethod
    def _merged(cls, trees: Sequence[tuple[Any, _Doubles]], n_features: int) -> Self:
        """One tree of (nodes, values) of several."""
        above = len(trees) - 1
        counts = [len(nodes) for nodes, _values in trees]
        starts = above + np.cumsum([0, *counts[:-1]])
        count, outputs = above + sum(counts), trees[0][1].shape[1]
        merged = Tree(n_features + 1, np.array([outputs], dtype=np.intp), 1)
        blank = {"nodes": np.zeros(count, NODE_DTYPE), "values": np.zeros((count, 1, outputs))}
        merged.__setstate__({"max_depth": count, "node_count": count, **blank})
        state = merged.__getstate__()  # its own memory: what is written here need not be copied
        nodes, values = state["nodes"], state["values"]
        _choose_tree(nodes[:above], starts, n_features)
        for start, (of_tree, said) in zip(starts.tolist(), trees, strict=True):
            part = nodes[start : start + len(of_tree)]
            part[:] = of_tree
            inner = part["left_child"] != _NO_CHILD
            part["left_child"][inner] += start
            part["right_child"][inner] += start
            values[start : start + len(of_tree), 0] = said
        return cls(merged, len(trees), n_features)


_CELLS: Final = 1 << 18
"""Cells of a matrix that is asked about at once: what fits the processor's cache."""


def _choose_tree(nodes: Any, starts: NDArray[np.intp], column: int) -> None:
    """Write the nodes that lead to each tree by its number: halves, quarters, and so on.

    Args:
        nodes: one fewer than trees, the first of them the root.
        starts: first node of each tree.
        column: where its number stands.
    """
    free = iter(range(len(nodes)))

    def lead(first: int, last: int) -> int:
        if first == last:
            return int(starts[first])
        node, middle = next(free), (first + last) // 2
        nodes["feature"][node] = column
        nodes["threshold"][node] = middle + 0.5
        nodes["left_child"][node] = lead(first, middle)
        nodes["right_child"][node] = lead(middle + 1, last)
        return node

    lead(0, len(starts) - 1)


def _leaf() -> Any:
    """A tree of one leaf."""
    node = np.zeros(1, dtype=NODE_DTYPE)
    node["left_child"] = node["right_child"] = _NO_CHILD
    return node


def _nodes_of_boosting(boosted: Any) -> Any:
    """Nodes of a boosting tree as those of any other."""
    nodes = np.zeros(len(boosted), dtype=NODE_DTYPE)
    inner = boosted["is_leaf"] == 0
    nodes["left_child"] = np.where(inner, boosted["left"].astype(np.intp), _NO_CHILD)
    nodes["right_child"] = np.where(inner, boosted["right"].astype(np.intp), _NO_CHILD)
    nodes["feature"] = boosted["feature_idx"]
    nodes["threshold"] = boosted["num_threshold"]
    nodes["missing_go_to_left"] = boosted["missing_go_to_left"]
    return nodes
