"""Logistic regression on all products of two features, by L-BFGS, without any dependency."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from operator import mul

Vector = list[float]


def products(row: Sequence[float]) -> Vector:
    """Return 1, the features, and the products of every two of them."""
    squares = [a * b for i, a in enumerate(row) for b in row[i:]]
    return [1.0, *row, *squares]


def probability(weights: Sequence[float], row: Sequence[float]) -> float:
    """Return the probability that a row is a true one."""
    return _sigmoid(float(sum(map(mul, weights, products(row)))))


def fit(
    rows: Sequence[Sequence[float]],
    labels: Sequence[bool],
    weight_of_false: float,
    penalty: float = 2.0,
    steps: int = 80,
) -> Vector:
    """Return weights. A false row counts ``weight_of_false`` times, where the part is balanced."""
    wide = [products(row) for row in rows]
    columns = list(zip(*wide, strict=True))
    counts = [1.0 if label else weight_of_false for label in labels]

    def loss_and_slope(weights: Vector) -> tuple[float, Vector]:
        errors: Vector = []
        loss = penalty / 2 * sum(w * w for w in weights[1:])
        for row, label, count in zip(wide, labels, counts, strict=True):
            p = _sigmoid(sum(map(mul, weights, row)))
            loss -= count * math.log(max(p if label else 1 - p, 1e-12))
            errors.append(count * (p - label))
        slope = [sum(map(mul, errors, column)) for column in columns]
        return loss, [
            s + penalty * w * (i > 0) for i, (s, w) in enumerate(zip(slope, weights, strict=True))
        ]

    weights = [0.0] * len(columns)
    loss, slope = loss_and_slope(weights)
    memory: deque[tuple[Vector, Vector]] = deque(maxlen=12)
    for _ in range(steps):
        direction = _direction(slope, memory)
        size = 1.0 if memory else 1 / math.sqrt(_dot(slope, slope))
        while size > 1e-6:
            moved = [w + size * d for w, d in zip(weights, direction, strict=True)]
            new_loss, new_slope = loss_and_slope(moved)
            if new_loss <= loss + 1e-4 * size * _dot(slope, direction):
                break
            size /= 2
        else:
            break
        change = [a - b for a, b in zip(moved, weights, strict=True)]
        bend = [a - b for a, b in zip(new_slope, slope, strict=True)]
        if _dot(change, bend) > 1e-10:
            memory.append((change, bend))
        done = loss - new_loss < 1e-5 * loss
        weights, loss, slope = moved, new_loss, new_slope
        if done:
            break
    return weights


def _direction(slope: Vector, memory: deque[tuple[Vector, Vector]]) -> Vector:
    """Return the quasi-Newton direction (Nocedal and Wright, algorithm 7.4)."""
    direction = [-s for s in slope]
    shares: list[float] = []
    for change, bend in reversed(memory):
        share = _dot(change, direction) / _dot(change, bend)
        shares.append(share)
        direction = [d - share * b for d, b in zip(direction, bend, strict=True)]
    if memory:
        change, bend = memory[-1]
        scale = _dot(change, bend) / _dot(bend, bend)
        direction = [scale * d for d in direction]
    for (change, bend), share in zip(memory, reversed(shares), strict=True):
        back = share - _dot(bend, direction) / _dot(change, bend)
        direction = [d + back * c for d, c in zip(direction, change, strict=True)]
    return direction


def _dot(left: Vector, right: Vector) -> float:
    return float(sum(map(mul, left, right)))


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, value))))
