"""The term that a correction changes."""

import pytest

from symbackprop.page.wrong_term import wrong_term


@pytest.mark.parametrize(
    ("source", "correction", "term"),
    [
        (r"d = a f(z)", r"d = a f'(z)", "f(z)"),
        (r"d &= V^T \odot f(z^{(2)})", r"d = V^T \odot f'(z^{(2)})", "f(z^{(2)})"),
        (r"d = X e", r"d = X^T e", "X"),
        (r"d = (y - \hat{y})", r"d = -(y - \hat{y})", ""),
        (r"d = -(y - \hat{y})", r"d = (y - \hat{y})", "-"),
        (r"g = \frac{1}{2} X^T d", r"g = \frac{1}{N} X^T d", "2"),
        (r"g = \frac{1}{N} X^T d", r"g = X^T d", r"\frac{1}{N}"),
        (r"g = \frac{a}{b} X + c", r"g = \frac{c}{d} X + c", r"\frac{a}{b}"),
        (r"g = x_i d_k + b", r"g = x_j d_k + b", "x_i"),
        (r"g = \sum_{i} a_i", r"g = \sum_{i} a_i + \lambda W", ""),
        (r"dW = a @ d", r"dW = b @ c", "a @ d"),
        (r"\delta_j = x y", r"\delta_k = x y", r"\delta_j"),
    ],
)
def test_a_whole_term_is_found(source, correction, term):
    start, end = wrong_term(source, correction)
    assert source[start:end] == term


def test_where_something_is_missing_the_place_is_found():
    assert wrong_term(r"d = (y - p)", r"d = -(y - p)") == (4, 4)
    assert wrong_term(r"g = a", r"g = a + \lambda W") == (5, 5)


@pytest.mark.parametrize("correction", ["", r"d &= X e"])
def test_without_a_difference_there_is_no_term(correction):
    assert wrong_term(r"d = X e", correction) is None
