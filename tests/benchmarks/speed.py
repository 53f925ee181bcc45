"""Time of a call of a generated gradient function, beside its peers: `python tests/benchmarks/speed.py`.

The contestants of peers.py run interleaved (A B C A B C …). Each first gives its cost and gradients, which must be ours.
Other tables: `--growth`, time and memory as a network grows; `--generate`, the time to derive and to generate.
"""

import argparse
import math
import os
import platform
import statistics
import subprocess
import sys
import time
import timeit
import tracemalloc
from importlib import metadata

import numpy as np
from peers import CONTESTANTS, SHAPES, LeftOutError, Problem, Shape, mistake

ROUND = 0.005  # seconds that a round of a contestant lasts at least, by calling it again and again
REST = 0.05  # seconds before a round: the threads of who ran before wait busily for more work, up to half of that
RATIOS = ("textbook", "LB", "JAX")
SLOW = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")  # if set, products run otherwise than NumPy would have them
PEAK_BYTES = 400  # more than an example of the 2-3-1 network takes at its peak
OURS = ("ours", "ours, bound")

GENERATE = """
import time
import numpy, sympy
clock = [time.perf_counter()]
import symbackprop as sb
sb.mlp, sb.derive
clock.append(time.perf_counter())
net = {network}
clock.append(time.perf_counter())
d = sb.derive(net)
clock.append(time.perf_counter())
d.to_numpy()
clock.append(time.perf_counter())
print(*(b - a for a, b in zip(clock, clock[1:])))
"""
GENERATED = {  # what a fresh process derives
    "home": "sb.home_network()",
    "16 layers": "sb.mlp([f'H{k}' for k in range(17)])",
}


def environment():
    """The machine and the libraries, in a line; and a warning where the environment slows NumPy."""
    libraries = (f"{name} {found}" for name in ("jax", "torch", "autograd") if (found := _version(name)))
    python = f"Python {platform.python_version()}"
    print(_processor(), f"{os.cpu_count()} cores", python, f"NumPy {np.__version__}", _blas(), *libraries, sep=", ")
    for name in (name for name in SLOW if name in os.environ):
        print(f"WARNING: {name}={os.environ[name]} is set, which slows NumPy: unset it for this benchmark")


def _processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _blas():
    """What NumPy multiplies matrices with; the kernel is known where threadpoolctl is installed."""
    built = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    known = f"{built['name']} {built['version']}"
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return known
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    return known + "".join(f" ({p.get('architecture')} kernel, {p['num_threads']} threads)" for p in pools[:1])


def _version(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def entrants(problem, names=CONTESTANTS):
    """The contestants that run here and are right, and why the others are not among them."""
    runs, reasons, reference = {}, {}, None
    for name in names:
        try:
            run = CONTESTANTS[name](problem)
            numbers = run()
        except ImportError as error:
            reasons[name] = f"{error.name} is not installed"
            continue
        except LeftOutError as error:
            reasons[name] = str(error)
            continue
        if numbers is not None:
            numbers = [np.asarray(number).copy() for number in numbers]
            reference = reference or numbers
            wrong = mistake(numbers, reference, problem.dtype)
            if wrong:
                reasons[name] = f"MISMATCH: {wrong}"
                continue
        runs[name] = run
    return runs, reasons


def seconds(runs, rounds):
    """Times of a call of each, in interleaved rounds: a rest, a call to wake its threads, then the clock."""
    timers = {name: timeit.Timer(run) for name, run in runs.items()}
    calls = {name: math.ceil(ROUND / min(timer.repeat(3, 1))) for name, timer in timers.items()}
    times = {name: [] for name in runs}
    for _ in range(rounds):
        for name, timer in timers.items():
            time.sleep(REST)
            timer.timeit(1)
            times[name].append(timer.timeit(calls[name]) / calls[name])
    return times


def medians(times):
    return {name: statistics.median(found) for name, found in times.items()}


def spread(times):
    """Half of what the middle half of all rounds spans, as a part of the median: large on a busy machine."""
    quarters = [statistics.quantiles(found, n=4) for found in times.values()]
    return statistics.median((third - first) / 2 / middle for first, middle, third in quarters)


def said(value):
    """Seconds, in three digits."""
    unit, scale = next((pair for pair in (("s", 1), ("ms", 1e-3)) if value >= 0.9995 * pair[1]), ("µs", 1e-6))
    digits = max(0, 2 - math.floor(math.log10(value / scale * 1.0005)))
    return f"{value / scale:.{digits}f} {unit}"


def compared(shapes, dtype, rounds):
    """A row of times for each shape, and rows of ratios; and notes of who was left out, and of the noise."""
    table, notes, noise = [], {}, []
    for name in shapes:
        problem = Problem(SHAPES[name], dtype)
        runs, reasons = entrants(problem)
        for contestant, reason in reasons.items():
            notes.setdefault((contestant, reason), []).append(name)
        measured = seconds(runs, rounds)
        noise.append(f"{name} ±{spread(measured):.0%}")
        times = medians(measured)
        table.append((name, str(problem.shape), {peer: said(time) for peer, time in times.items()}))
        for other in (other for other in RATIOS if other in times):
            table.append(("", f"÷ {other}", {peer: f"{time / times[other]:.2f}" for peer, time in times.items()}))
    columns = [peer for peer in CONTESTANTS if any(peer in cells for _, _, cells in table)]
    rows = [("shape", f"median of {rounds}", *columns)]
    rows += [(name, what, *(cells.get(peer, "-") for peer in columns)) for name, what, cells in table]
    left_out = [f"{peer} left out of {', '.join(where)}: {reason}" for (peer, reason), where in notes.items()]
    return rows, [*left_out, f"Noise, of the middle half of the rounds: {', '.join(noise)}"]


def grown(dtype, rounds):
    """Time of our calls as the examples, or the layers, become more: that of a unit stays about the same."""
    steps = [("example", N, Shape(N, (2, 3, 1))) for N in (10**k for k in range(3, 8)) if _fits(N)]
    steps += [("layer", depth, Shape(256, (64,) * (depth + 1))) for depth in (2, 4, 8, 16, 32)]
    runs = {}
    for _, _, shape in steps:
        runs |= {(shape, name): run for name, run in entrants(Problem(shape, dtype), OURS)[0].items()}
    times = medians(seconds(runs, rounds))
    rows = [("shape", "ours", "of a unit", "ours, bound", "of a unit")]
    for unit, count, shape in steps:
        found = [times.get((shape, name)) for name in OURS]
        cells = [(said(t), f"{t / count * 1e6:.3g} µs/{unit}") if t else ("-", "-") for t in found]
        rows.append((str(shape), *(cell for pair in cells for cell in pair)))
    return rows


def _fits(N):
    return N * PEAK_BYTES < os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2


def peaks(dtype):
    """Peak memory above the data, as NumPy reports it to tracemalloc: of the first call, with what it prepares."""
    names = (*OURS, "textbook")
    rows = [("peak above the data", "data", *names)]
    entrants(Problem(SHAPES["tiny"], dtype), names)  # what is derived and imported once is not counted
    for N in filter(_fits, (10**5, 10**6, 10**7)):
        problem = Problem(Shape(N, (2, 3, 1)), dtype)
        data = problem.X.nbytes + problem.y.nbytes
        rows.append((str(problem.shape), f"{data / 1e6:.1f} MB", *(_peak(problem, name, data) for name in names)))
    return rows


def _peak(problem, name, data):
    tracemalloc.start()
    try:
        CONTESTANTS[name](problem)()
        peak = tracemalloc.get_traced_memory()[1]
    except LeftOutError:
        return "-"
    finally:
        tracemalloc.stop()
    return f"{peak / 1e6:.1f} MB = {peak / data:.2f} × data"


def generated(rounds=5):
    """Milliseconds of a fresh process that has imported SymPy and NumPy; medians."""
    rows = [("network", "import symbackprop", "define", "derive", "generate", "the last three")]
    for name, network in GENERATED.items():
        command = [sys.executable, "-c", GENERATE.format(network=network)]
        runs = [subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(rounds)]
        times = [[float(number) for number in run.split()] for run in runs]
        parts = [statistics.median(part) for part in zip(*times, strict=True)]
        parts.append(statistics.median(sum(run[1:]) for run in times))
        rows.append((name, *(f"{1e3 * part:.1f} ms" for part in parts)))
    return rows


def show(rows, markdown=False):
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    between, ends = (" | ", ("| ", " |")) if markdown else ("  ", ("", ""))
    lines = []
    for row in rows:
        first, *others = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        lines.append(ends[0] + between.join([first.strip().ljust(widths[0]), *others]) + ends[1])
    if markdown:
        lines.insert(1, f"|{'|'.join(['---'] + ['---:'] * (len(widths) - 1))}|")
    print("\n" + "\n".join(line.rstrip() for line in lines))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--dtype", choices=("float64", "float32"), default="float64")
    parser.add_argument("--runs", type=int, default=30, help="rounds, at least 2")
    parser.add_argument("--markdown", action="store_true", help="the tables as Markdown")
    parser.add_argument("--growth", action="store_true", help="our time and memory as networks grow, instead")
    parser.add_argument("--generate", action="store_true", help="the time to derive and to generate, instead")
    args = parser.parse_args()
    environment()
    notes = []
    if args.growth:
        show(grown(args.dtype, args.runs), args.markdown)
        show(peaks(args.dtype), args.markdown)
    if args.generate:
        show(generated(), args.markdown)
    if not (args.growth or args.generate):
        rows, notes = compared(args.shapes, args.dtype, args.runs)
        show(rows, args.markdown)
    print("".join(f"\n{note}" for note in notes))


if __name__ == "__main__":
    main()
