"""Reasons for a prediction: Shapley values of groups of features against the training median.

Of a category, the most frequent value takes the place of the median, and all inputs that encode it are one feature.

A model is a score, linear or a sum of trees, and a calibration, which is monotonic. Of the score the Shapley values
are exact (interventional, with one reference point): closed for a linear one (Štrumbelj and Kononenko, 2014), leaf by
leaf for trees (Lundberg et al., 2020; with one reference point as in Chen et al., 2022). The calibration scales each
user's values to the difference in probability, which keeps their order and signs (the rescale rule: Chen, Lundberg and
Lee, 2022). So they add up: probability = probability at the median + effects.

Features that say the same, such as the numbers of bets and of wins, are one player of the game: alone, they would
share an effect by chance, often with opposite signs.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from math import factorial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from include.firstday.features.model_inputs import Value, model_inputs
from include.firstday.models import encoders

Values = NDArray[np.float64]
Groups = tuple[tuple[str, ...], ...]
CORRELATED = 0.9  # Spearman's, from which on features are one group
BITS = 15  # of a block of a tree: so few that its table of patterns fits in a processor's cache
PERMUTATIONS = 100
STORED = 3  # of each prediction at or above the threshold
NO_SCORE = 1e-12  # a sum of values whose quotient would be nothing but rounding


def groups_of(features: pd.DataFrame) -> Groups:
    """Features by correlation, absolute and of ranks, with average linkage; one column a feature, in their order.

    Each category is a group of its own, after the numbers.
    """
    categories = tuple((str(name),) for name, column in features.items() if column.dtype == object)
    if categories:
        numbers = features.drop(columns=[name for (name,) in categories])
        return (groups_of(numbers) if len(numbers.columns) else ()) + categories
    names = [str(name) for name in features.columns]
    if len(names) < 2:
        return (tuple(names),)
    found = np.abs(features.corr(method="spearman").to_numpy().copy())
    distance = 1 - np.nan_to_num(found)  # a constant correlates with nothing
    np.fill_diagonal(distance, 0)
    labels = fcluster(linkage(squareform(distance, checks=False), "average"), 1 - CORRELATED, "distance")
    return tuple(
        tuple(name for name, other in zip(names, labels, strict=True) if other == label)
        for label in dict.fromkeys(labels)
    )


@dataclass(frozen=True)
class _Tree:
    """A binary tree: of each node the feature, the threshold up to which it goes left, its children and its value.

    `left` is -1 for a leaf. All of shape (nodes,).
    """

    feature: NDArray[np.int64]
    threshold: Values
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    value: Values


class Explainer:
    """Effects of groups of features on a classifier's probability, as compared with its training median."""

    def __init__(self, model: Any) -> None:
        """Of a model as `candidates.fit_calibrated` returns it; one without groups has each feature alone."""
        self.model = model
        names = [str(name) for name in model.feature_names_in_]
        self.groups: Groups = tuple(
            tuple(group) for group in getattr(model, "feature_groups_", [[name] for name in names])
        )
        of = {name: number for number, group in enumerate(self.groups) for name in group}
        pipeline = model.calibrated_classifiers_[0].estimator
        self._inputs, self._estimator = pipeline[:-1], pipeline[-1]
        self._group = np.array([of[name] for name in encoders.sources(self._inputs, names)])
        # Unknown numbers become the median; of a category, unknown is a value.
        self._common: dict[str, str | None] = dict(getattr(model, "common_values_", {}))
        unknown = self._frame([dict.fromkeys(names, np.nan) | self._common])
        self._reference = np.asarray(self._inputs.transform(unknown))[0]
        self.base = float(model.predict_proba(unknown)[0, 1])

    @property
    def typical(self) -> dict[str, Value]:
        """Median of each number in training, and the most frequent value of each category."""
        found = encoders.medians(self._inputs, self.model.feature_names_in_) | self._common
        return {str(name): found[name] for name in self.model.feature_names_in_}

    def _frame(self, rows: list[Any]) -> pd.DataFrame:
        names = [str(name) for name in self.model.feature_names_in_]
        return model_inputs(pd.DataFrame(rows, columns=names), names, self._common)

    @property
    def has_own_form(self) -> bool:
        """Whether the estimator is linear or of trees, so that many users can be explained."""
        return len(self.model.calibrated_classifiers_) == 1 and (
            hasattr(self._estimator, "coef_") or next(_trees(self._estimator), None) is not None
        )

    def effects(self, features: pd.DataFrame, probability: Values) -> Values:
        """Effects on the probability, shape (rows, groups); `probability`, shape (rows,), is the model's own."""
        if not self.has_own_form:
            return self._by_permutations(features)
        inputs = np.asarray(self._inputs.transform(features), dtype=np.float64)
        values = self._linear(inputs) if hasattr(self._estimator, "coef_") else self._of_trees(inputs)
        whole = values.sum(axis=1)
        scale = np.divide(probability - self.base, whole, out=np.zeros_like(whole), where=np.abs(whole) > NO_SCORE)
        return np.asarray(values * scale[:, None])

    def _linear(self, inputs: Values) -> Values:
        by_feature = (inputs - self._reference) * np.ravel(self._estimator.coef_)
        by_group = [by_feature[:, self._group == number].sum(axis=1) for number in range(len(self.groups))]
        return np.stack(by_group, axis=1)

    def _of_trees(self, inputs: Values) -> Values:
        values, reference = np.zeros((len(self.groups), len(inputs))), self._reference
        if not hasattr(self._estimator, "_predictors"):  # other trees compare single-precision values
            inputs, reference = (each.astype(np.float32).astype(np.float64) for each in (inputs, reference))
        columns = np.ascontiguousarray(inputs.T)
        for tree in _trees(self._estimator):
            _add_tree(tree, columns, reference, self._group, values)
        return values.T

    def _by_permutations(self, features: pd.DataFrame) -> Values:
        """Mean rise of the probability as groups, in random orders, take the user's values (Castro et al., 2009)."""
        chance, reference = np.random.default_rng(7), pd.Series(self.typical)
        values = np.zeros((len(features), len(self.groups)))
        for row in range(len(features)):
            user, orders, mixed = features.iloc[row], [], []
            for _ in range(PERMUTATIONS):
                order, now = chance.permutation(len(self.groups)), reference.copy()
                mixed.append(now.copy())
                for number in order:
                    now[list(self.groups[number])] = user[list(self.groups[number])]
                    mixed.append(now.copy())
                orders.append(order)
            said = self.model.predict_proba(self._frame(mixed))[:, 1]
            for order, steps in zip(orders, said.reshape(PERMUTATIONS, -1), strict=True):
                values[row, order] += np.diff(steps) / PERMUTATIONS
        return values


def _trees(estimator: Any) -> Iterator[_Tree]:
    """The trees whose values add up to an estimator's score, but for a constant; none where it has no trees."""
    if hasattr(estimator, "_predictors"):  # HistGradientBoostingClassifier
        for (predictor,) in estimator._predictors:
            nodes = predictor.nodes
            left = np.where(nodes["is_leaf"] == 1, -1, nodes["left"].astype(np.int64))
            feature = nodes["feature_idx"].astype(np.int64)
            yield _Tree(feature, nodes["num_threshold"], left, nodes["right"].astype(np.int64), nodes["value"])
        return
    members = np.ravel(getattr(estimator, "estimators_", [estimator]))
    weights = getattr(estimator, "estimator_weights_", np.ones(len(members)))
    for member, weight in zip(members, weights, strict=False):
        tree = getattr(member, "tree_", None)
        if tree is None:
            return
        value = tree.value[:, 0, -1]
        if hasattr(estimator, "estimator_weights_"):  # AdaBoostClassifier: each member votes for a class
            value = np.where(tree.value[:, 0].argmax(axis=1) == 1, 1.0, -1.0)
        yield _Tree(tree.feature, tree.threshold, tree.children_left, tree.children_right, value * weight)


Path = dict[
    int, tuple[NDArray[np.bool_], bool]
]  # group → whether each user, and the reference, is on the way to a node


def _add_tree(tree: _Tree, columns: Values, reference: Values, group: NDArray[np.int64], values: Values) -> None:
    """Add a tree's Shapley values to `values`, shape (groups, users); `columns` is of shape (features, users)."""
    sizes = _inner_nodes(tree)

    def descend(node: int, path: Path) -> None:
        if len(path) + sizes[node] <= max(BITS, len(path) + 1) or tree.left[node] < 0:
            _add_block(tree, node, path, columns, reference, group, values)
            return
        goes_left = columns[tree.feature[node]] <= tree.threshold[node]
        is_left, number = bool(reference[tree.feature[node]] <= tree.threshold[node]), int(group[tree.feature[node]])
        for child, users, its in (
            (tree.left[node], goes_left, is_left),
            (tree.right[node], ~goes_left, not is_left),
        ):
            before = path.get(number)
            both = (users & before[0], its and before[1]) if before else (users, its)
            descend(int(child), path | {number: both})

    if tree.left[0] >= 0:
        descend(0, {})


def _inner_nodes(tree: _Tree) -> NDArray[np.int64]:
    """Number of inner nodes at and below each node, shape (nodes,)."""
    sizes = (tree.left >= 0).astype(np.int64)

    def count(node: int) -> int:
        if tree.left[node] >= 0:
            sizes[node] += count(int(tree.left[node])) + count(int(tree.right[node]))
        return int(sizes[node])

    count(0)
    return sizes


def _add_block(
    tree: _Tree,
    top: int,
    path: Path,
    columns: Values,
    reference: Values,
    group: NDArray[np.int64],
    values: Values,
) -> None:
    """Add the values of the leaves below a node: users who answer its few conditions alike have the same ones."""
    inner = list(_inner(tree, top))
    bits = np.empty((len(path) + len(inner), columns.shape[1]), dtype=bool)
    for number, (users, _) in enumerate(path.values()):
        bits[number] = users
    for number, node in enumerate(inner, len(path)):
        np.less_equal(columns[tree.feature[node]], tree.threshold[node], out=bits[number])
    found, position = _patterns(bits)
    answers = [(found >> number) & 1 == 1 for number in range(len(bits))]
    start: Path = {number: (answer, its) for answer, (number, (_, its)) in zip(answers, path.items(), strict=False)}
    table: dict[int, Values] = {}
    of_nodes = dict(zip(inner, answers[len(path) :], strict=True))
    _leaves(tree, top, start, of_nodes, reference, group, table, len(found))
    for number, column in table.items():
        values[number] += np.take(column, position, mode="clip")  # quicker: it checks no bounds


def _patterns(bits: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """The different columns of bits of shape (bits, users), as numbers, and which of them each user has."""
    if len(bits) > 16:
        return np.unique(np.left_shift(1, np.arange(len(bits))) @ bits, return_inverse=True)
    pattern = np.zeros(bits.shape[1], dtype=np.uint16)
    for start in range(0, len(bits), 8):
        byte = np.zeros(bits.shape[1], dtype=np.uint8)
        for number, bit in enumerate(bits[start : start + 8]):
            byte |= bit.view(np.uint8) << np.uint8(number)
        pattern |= byte.astype(np.uint16) << np.uint16(start)
    found = np.flatnonzero(np.bincount(pattern))
    place = np.zeros(int(found[-1]) + 1, dtype=np.intp)
    place[found] = np.arange(len(found))
    return found, np.take(place, pattern, mode="clip")


def _inner(tree: _Tree, top: int) -> Iterator[int]:
    if tree.left[top] >= 0:
        yield top
        yield from _inner(tree, int(tree.left[top]))
        yield from _inner(tree, int(tree.right[top]))


def _leaves(
    tree: _Tree,
    node: int,
    path: Path,
    answers: dict[int, NDArray[np.bool_]],
    reference: Values,
    group: NDArray[np.int64],
    table: dict[int, Values],
    rows: int,
) -> None:
    """Add the values of the leaves at and below a node to `table`: group → value of each pattern, shape (rows,)."""
    if tree.left[node] < 0:
        _leaf(float(tree.value[node]), path, table, rows)
        return
    feature, left = tree.feature[node], answers[node]
    is_left, number = bool(reference[feature] <= tree.threshold[node]), int(group[feature])
    for child, users, its in ((tree.left[node], left, is_left), (tree.right[node], ~left, not is_left)):
        before = path.get(number)
        both = (users & before[0], its and before[1]) if before else (users, its)
        _leaves(tree, int(child), path | {number: both}, answers, reference, group, table, rows)


def _leaf(value: float, path: Path, table: dict[int, Values], rows: int) -> None:
    """A leaf's own game: a coalition earns its value if it has every group that only the user leads there, and none
    of those that only the reference does. It has no value where a group leads neither of them there."""
    needed = [number for number, (_, its) in path.items() if not its]
    is_reached = np.ones(rows, dtype=bool)
    for number in needed:
        is_reached &= path[number][0]
    if not is_reached.any():
        return
    kept = [number for number, (_, its) in path.items() if its]
    missing = np.zeros(rows, dtype=np.int64)
    for number in kept:
        missing += ~path[number][0]
    gains, losses = _shares(len(needed), len(kept))
    gain, loss = np.where(is_reached, value * gains[missing], 0), np.where(is_reached, value * losses[missing], 0)
    for number in needed:
        table[number] = table.get(number, 0) + gain
    for number in kept:
        table[number] = table.get(number, 0) - loss * ~path[number][0]


def _shares(needed: int, most: int) -> tuple[Values, Values]:
    """What a needed group gains and a missing one costs, by the number of missing ones; each of shape (most + 1,)."""
    gains = [factorial(needed - 1) * factorial(n) / factorial(needed + n) if needed else 0.0 for n in range(most + 1)]
    losses = [factorial(needed) * factorial(n - 1) / factorial(needed + n) if n else 0.0 for n in range(most + 1)]
    return np.array(gains), np.array(losses)


def as_json(groups: Groups, effects: Values, count: int = STORED) -> pa.Array:
    """Each row's largest effects by absolute value, as they are stored: `[{"features": […], "effect": 0.12}, …]`."""
    order = np.argsort(-np.abs(effects), axis=1, kind="stable")[:, :count]
    names = pa.array([f'{{"features": {json.dumps(group)}, "effect": ' for group in groups])
    parts: list[pa.Array | str] = []
    for column in order.T:
        effect = np.round(np.take_along_axis(effects, column[:, None], axis=1)[:, 0], 6)
        text = pa.array(effect).cast(pa.string())
        parts.append(pc.binary_join_element_wise(names.take(pa.array(column)), text, "}", ""))
    return pc.binary_join_element_wise("[", pc.binary_join_element_wise(*parts, ", "), "]", "")
