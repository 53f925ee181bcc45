"""Seconds to derive, print and prove networks of 2 to 64 layers, or steps of time: `python tests/benchmarks/depth.py`.

Medians of several runs, the depths interleaved. The steps and the characters beside them grow linearly.
"""

import argparse
import statistics
import time
from collections import defaultdict
from collections.abc import Callable

import symbackprop as sb
from symbackprop.prove.all_sizes import prove_for_all_sizes
from symbackprop.prove.chain import chain

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--network", choices=NETWORKS, default="dense")
    parser.add_argument("--prove", action="store_true", help="witness one too, which takes a second a few layers")
    args = parser.parse_args()
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
                times["prove", depth].append(seconds(lambda d=d: prove_for_all_sizes(chain(d.tape))))
    kinds = list(dict.fromkeys(kind for kind, _ in times))
    print("depth    steps   characters   lines of code" + "".join(f"{kind:>12}" for kind in kinds))
    for depth in DEPTHS:
        d = sb.derive(network(depth))
        lines = d.to_source().count("\n")
        row = "".join(f"{statistics.median(times[kind, depth]):>10.3f} s" for kind in kinds)
        print(f"{depth:>6}   {len(d.steps):>5}   {len(d.to_latex()):>10}   {lines:>13}{row}")


if __name__ == "__main__":
    main()
