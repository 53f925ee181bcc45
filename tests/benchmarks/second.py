"""Hessian-vector products of the networks of tests/support/zoo.txt.

`OPENBLAS_NUM_THREADS=1 python -m tests.benchmarks.second`: the times of BLAS with several threads vary tenfold.

For each, the largest relative difference from the product that autograd computes, and the cost of one product at sizes of
about a hundred, in calls of the gradient function (medians, interleaved).
"""

import argparse
import statistics
import time

import autograd
import autograd.numpy as anp
import numpy as np

import symbackprop as sb
from symbackprop.network.sampling import distinct_sizes
from tests.support.zoo import ZOO, forward

TIMES = 25  # sizes of 3 to 7, this many times as large


def difference(text, product):
    """Return the largest difference of a product from that of autograd, relative to its largest entry."""
    values = sb.random_values(product.network, seed=1)
    ours = product.to_numpy(backend="numpy")(**values)
    names = [field.removeprefix("Hv_") for field in ours._fields]

    def cost(given):
        return forward(text, values | dict(zip(names, given, strict=True)))

    def slope(given):
        gradients = autograd.grad(cost)(given)
        return sum(anp.sum(gradient * values[f"v_{name}"]) for name, gradient in zip(names, gradients, strict=True))

    theirs = autograd.grad(slope)([values[name] for name in names])
    size = max(float(np.max(np.abs(right))) for right in theirs) or 1.0
    return max(float(np.max(np.abs(a - b))) for a, b in zip(ours, theirs, strict=True)) / size


def gradients_of_a_product(d, product, repeats):
    """Return the cost of a product, in calls of the gradient function."""
    large = {name: TIMES * size for name, size in distinct_sizes(product.network).items()}
    values = sb.random_values(product.network, large, seed=1)
    functions = [f.to_numpy(backend="numpy") for f in (d, product)]
    seconds = [[], []]
    for _ in range(repeats):
        for f, taken in zip(functions, seconds, strict=True):
            start = time.perf_counter()
            f(**{name: values[name] for name in f.arguments})
            taken.append(time.perf_counter() - start)
    first, second = map(statistics.median, seconds)
    return second / first


def main():
    """Print a row for each network, and the summary."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("names", nargs="*", help="networks; by default, all")
    given = parser.parse_args()
    ratios = []
    for name in given.names or ZOO:
        try:
            d = sb.derive(sb.parse_network(ZOO[name].strip()))
            product = d.hvp()
            ratio = gradients_of_a_product(d, product, given.repeats)
            print(f"{name:40} {difference(ZOO[name], product):8.1e} {ratio:6.2f} gradients", flush=True)
            ratios.append(ratio)
        except sb.SymbackpropError as error:
            print(f"{name:40} {error}", flush=True)
    print(f"median {statistics.median(ratios):.2f}, at most 2.5: {sum(r <= 2.5 for r in ratios)} of {len(ratios)}")


if __name__ == "__main__":
    main()
