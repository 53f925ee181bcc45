"""Costs of low precision, made of the cases of tests/support/mistakes.py, and mistakes that are planted in their gradients."""

import numpy as np


def in_single_precision(case):
    single = case.in_precision(np.float32)
    return lambda **params: single.cost(**{name: value.astype(np.float32) for name, value in params.items()})


def with_a_penalty_in_double(case):
    single = in_single_precision(case)
    return lambda **params: float(single(**params)) + 0.05 * sum(np.sum(value**2) for value in params.values())


def rounded(digits):
    return lambda case: lambda **params: round(float(case.cost(**params)), digits)


def with_noise(case):
    rng = np.random.default_rng(0)
    return lambda **params: float(case.cost(**params)) * (1 + 1e-7 * rng.normal())


COARSE = {
    "single precision": (in_single_precision, 0.0),
    "a penalty in double precision": (with_a_penalty_in_double, 0.1),
    "six decimals": (rounded(6), 0.0),
    "noise": (with_noise, 0.0),
}


def gradients_of(case, penalty):
    return lambda **params: {name: g + penalty * params[name] for name, g in case.gradients(**params).items()}


def a_tenth_more_in_one_entry(g):
    changed = g.copy()
    changed[np.unravel_index(np.argmax(np.abs(g)), g.shape)] *= 1.1
    return changed


PLANTS = {
    "zero": lambda g: 0 * g,
    "twice": lambda g: 2 * g,
    "sign": lambda g: -g,
    "a tenth more in one entry": a_tenth_more_in_one_entry,
}
