"""Counter-based random numbers: a number is a hash of its purpose, so any minute can be generated independently.

The hash is splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014).
"""

import zlib

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_GAMMA = np.uint64(0x9E3779B97F4A7C15)


def keys(purpose: str, *parts: Keys | Ints | int) -> Keys:
    """Return one 64-bit hash per element of the broadcast parts, different for every purpose."""
    mixed = np.asarray(zlib.crc32(purpose.encode()), dtype=np.uint64)
    with np.errstate(over="ignore"):
        for part in parts:
            mixed = _mix(mixed + _GAMMA * (np.asarray(part).astype(np.uint64) + np.uint64(1)))
    return np.atleast_1d(mixed)


def uniform(purpose: str, *parts: Keys | Ints | int) -> Floats:
    """Return one number in (0, 1) per element."""
    return (keys(purpose, *parts) >> np.uint64(11)).astype(np.float64) * 2.0**-53 + 2.0**-54


def normal(purpose: str, *parts: Keys | Ints | int) -> Floats:
    """Return one standard normal number per element (Box and Muller, 1958)."""
    radius = np.sqrt(-2.0 * np.log(uniform(purpose + "/radius", *parts)))
    return np.asarray(radius * np.cos(2.0 * np.pi * uniform(purpose + "/angle", *parts)))


def poisson(means: Floats, draws: Floats) -> Ints:
    """Return one Poisson number per mean and uniform draw, by inverting the distribution function."""
    counts = np.zeros(len(draws), dtype=np.int64)
    for mean in np.unique(means):  # few: they change by the hour
        counts[means == mean] = _poisson(float(mean), draws[means == mean])
    return counts


def _poisson(mean: float, draws: Floats) -> Ints:
    largest = int(mean + 12 * np.sqrt(mean) + 20)
    steps = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, largest + 1)))])
    mass = np.exp(np.arange(largest + 1) * np.log(mean) - mean - steps)
    return np.searchsorted(np.cumsum(mass), draws).astype(np.int64)


def _mix(z: Keys) -> Keys:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> np.uint64(31)))
