"""Seconds to derive, print and prove networks of 2 to 64 layers, or steps of time: `python tests/benchmarks/depth.py`.

Medians of several runs, the depths interleaved. The steps and the characters beside them grow linearly. `--products` prints
the seconds to prove products of many factors, determinants and inverses instead.
"""

import argparse
import statistics
import time
from collections import defaultdict
from collections.abc import Callable

import symbackprop as sb

DEPTHS = (2, 4, 8, 16, 32, 50, 64)


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


NETWORKS = {
    "dense": lambda depth: sb.mlp([f"H{k}" for k in range(depth + 1)], "tanh", bias=True, l2="lam"),
    "rnn": sb.rnn,
    "lstm": sb.lstm,
}


# A slice keeps a size as it is in the proof.
PRODUCTS = {
    **{f"a product of {k} factors": f"J = sum(x {'@ A ' * (k - 1)})" for k in (3, 6, 9, 12)},
    **{f"a power of {k}": f"J = sum(x @ matrix_power(A, {k}))" for k in (3, 6, 9, 12)},
    **{f"{name}, size {n}": f"J = {formula} + sum(A[:, 0:1])"
       for name, formula in (("det", "det(A)"), ("inv", "sum(inv(A))"), ("logdet", "log(det(A))"))
       for n in (2, 4, 6, 8)},
}  # fmt: skip


def print_products(runs: int) -> None:
    for name, formula in PRODUCTS.items():
        n = name.rpartition("size ")[2] if "size" in name else "n"
        d = sb.derive(sb.parse_network(f"A: parameter({n}, {n})\nx: input(1, {n})\n{formula}"))
        print(f"{name:<24}{statistics.median(seconds(lambda d=d: d.verify(seed=0)) for _ in range(runs)):>8.3f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--network", choices=NETWORKS, default="dense")
    parser.add_argument("--prove", action="store_true", help="prove all steps too, by all witnesses")
    parser.add_argument("--products", action="store_true", help="prove products, determinants and inverses instead")
    args = parser.parse_args()
    if args.products:
        print_products(args.runs)
        return
    network = NETWORKS[args.network]
    times: dict[tuple[str, int], list[float]] = defaultdict(list)
    for _ in range(args.runs):
        for depth in DEPTHS:
            net = network(depth)
            times["derive", depth].append(seconds(lambda net=net: sb.derive(net)))
            d = sb.derive(net)
            times["LaTeX", depth].append(seconds(d.to_latex))
            times["NumPy", depth].append(seconds(d.to_source))
            if args.prove:
                times["prove", depth].append(seconds(lambda d=d: d.verify(seed=0)))
    kinds = list(dict.fromkeys(kind for kind, _ in times))
    print("depth    steps   characters   lines of code" + "".join(f"{kind:>12}" for kind in kinds))
    for depth in DEPTHS:
        d = sb.derive(network(depth))
        lines = d.to_source().count("\n")
        row = "".join(f"{statistics.median(times[kind, depth]):>10.3f} s" for kind in kinds)
        print(f"{depth:>6}   {len(d.steps):>5}   {len(d.to_latex()):>10}   {lines:>13}{row}")


if __name__ == "__main__":
    main()
