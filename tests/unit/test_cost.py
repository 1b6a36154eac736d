"""The measure of the tests of cost: linear work passes, whatever it is, and its square does not."""

from __future__ import annotations

import re

import pytest

from tests.support.cost import TIMES_MAX, assert_grows_at_most, assert_linear


def test_linear_work_passes() -> None:
    """In Python and in C, and what costs nothing."""
    assert_linear(lambda n: [number + 1 for number in range(n)], int, 200_000)
    assert_linear(lambda text: re.findall("ab", text), lambda n: "ab" * n, 200_000)
    assert_linear(len, lambda n: "a" * n, 1_000)


def test_its_square_fails() -> None:
    """In Python, and in C, where nobody sees the calls."""
    with pytest.raises(AssertionError, match="of CPU, more than 24 times"):
        assert_linear(lambda n: [0 for _ in range(n) for _ in range(n)], int, 1_600)
    with pytest.raises(AssertionError, match="of CPU"):
        assert_linear(lambda text: re.findall("a*b", text), lambda n: "a" * n, 8_000)


def test_what_is_too_dear_once_is_measured_again() -> None:
    """A machine that is busy for a moment fails no test."""
    dear = [300_000, 300_000]

    def large() -> int:
        return sum(number for number in range(dear.pop() if dear else 1_000))

    assert_grows_at_most(TIMES_MAX, lambda: None, large)
    with pytest.raises(AssertionError):
        assert_grows_at_most(2, lambda: None, lambda: sum(n for n in range(300_000)))
