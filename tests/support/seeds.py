"""The seed of a run of the tests: a fresh one, or the one that a variable of the environment names."""

import os

import numpy as np

VARIABLE = "SYMBACKPROP_TEST_SEED"
today = 0  # set once the options of the run are known


def of_this_run() -> int:
    """Return the seed in the environment, or a fresh one."""
    named = os.environ.get(VARIABLE, "")
    return int(named) if named else int(np.random.SeedSequence().entropy) % 10**9


def seed_of_today(below: int = 10**6) -> int:
    """Return the seed of this run for a test that draws its numbers elsewhere, and print it."""
    seed = today % below
    print("seed", seed)
    return seed
