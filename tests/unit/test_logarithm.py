"""The logarithm that agrees with the C library's, and the draws that use it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import tinytorch
from tinytorch._core.logarithm import logarithm
from tinytorch._core.precise import library


def _library(values):
    return np.array([math.log(value) for value in values.tolist()])


@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e-9, 1e-300, 1e300])
def test_it_has_the_bits_of_the_c_library(scale):
    uniform = np.random.default_rng(0).random(20_000)
    below_one = 1.0 - uniform * min(scale, 1.0)
    for values in (uniform * scale, below_one[below_one > 0]):
        assert np.array_equal(logarithm(values, _library), _library(values))
        assert np.array_equal(library.log(values), _library(values))


def test_the_library_is_asked_for_few_elements():
    asked = []

    def count(values):
        asked.append(values.size)
        return _library(values)

    logarithm(np.random.default_rng(0).random(20_000), count)
    assert 0 < sum(asked) < 2000


def test_what_is_no_normal_positive_number_is_left_to_the_library():
    seen = []

    def remember(values):
        seen.append(values)
        return values

    for special in (0.0, -1.0, math.inf, math.nan, 5e-324):
        values = np.array([0.5, special])
        assert logarithm(values, remember) is values
    assert len(seen) == 5


@pytest.mark.parametrize("n", [16_384, 16_385, 40_000, 300_001])
def test_large_permutations_are_torchs(n):
    torch.manual_seed(n)
    tinytorch.manual_seed(n)
    assert tinytorch.randperm(n).tolist() == torch.randperm(n).tolist()
    assert tinytorch.get_rng_state().tolist() == torch.get_rng_state().tolist()


@pytest.mark.parametrize("before", [0, 1, 2, 623])
@pytest.mark.parametrize("count", [5, 65, 312, 313, 9000])
def test_doubles_are_torchs_wherever_in_a_block_they_begin(before, count):
    draws = []
    for library_ in (torch, tinytorch):
        library_.manual_seed(3)
        library_.rand(before)
        doubles = library_.rand(count, dtype=library_.float64).tolist()
        draws.append(
            (doubles, library_.randn(32, dtype=library_.float64).tolist(), library_.rand(3).tolist())
        )
    assert draws[0] == draws[1]
