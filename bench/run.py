"""Run all contenders in interleaved rounds, print the medians and write docs/benchmarks.md."""

from __future__ import annotations

import gc
import os
import platform
import statistics
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path

import contenders
import numpy as np
from contenders import Call
from inputs import make

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
RIVALS = {"tea-tasting": (1, 14), "spotify-confidence": (4, 1), "gbstats": (0, 8)}
PAGES = "\n## Pages\n"
ROUNDS = 7
SLOW = 2.0  # seconds: what takes longer runs in the first rounds only
SLOW_ROUNDS = 3
OURS, BARE = "trialflow", "bare numpy"
GOAL_RIVAL, GOAL_BARE, GOAL_BOUNDARIES = 50.0, 3.0, 0.020


def main() -> int:
    """Measure, print, write."""
    for name, wanted in RIVALS.items():
        found = tuple(int(part) for part in version(name).split(".")[:2])
        if found < wanted:
            sys.exit(
                f"{name} is {version(name)}, want {'.'.join(map(str, wanted))} or newer: remove .venv-bench, make bench"
            )
    warnings.simplefilter("ignore")
    control, treatment = make()
    tasks: dict[str, dict[str, Call]] = {
        "1,000 Welch tests": {
            OURS: contenders.trialflow_welch(control, treatment),
            BARE: contenders.numpy_welch(control, treatment),
            "gbstats": contenders.gbstats_welch(control, treatment),
            "tea-tasting": contenders.tea_welch(control, treatment),
            "spotify-confidence": contenders.spotify_welch(control, treatment),
        },
        "1,000 ratios": {
            OURS: contenders.trialflow_ratio(control, treatment),
            BARE: contenders.numpy_ratio(control, treatment),
            "gbstats": contenders.gbstats_ratio(control, treatment),
            "tea-tasting": contenders.tea_ratio(control, treatment),
        },
        "1,000 CUPED comparisons": {
            OURS: contenders.trialflow_cuped(control, treatment),
            BARE: contenders.numpy_cuped(control, treatment),
            "gbstats": contenders.gbstats_cuped(control, treatment),
            "tea-tasting": contenders.tea_cuped(control, treatment),
            "spotify-confidence": contenders.spotify_cuped(control, treatment),
        },
        "boundaries of 28 looks": {
            OURS: contenders.trialflow_boundaries(),
            "spotify-confidence": contenders.spotify_boundaries(),
        },
    }
    check(tasks)
    page = report(measure(tasks))
    print(page)
    _, heading, pages = PAGE.read_text(encoding="utf-8").partition(PAGES)  # the other benchmark's, kept as it is
    PAGE.write_text(page + heading + pages, encoding="utf-8")
    return 0


def check(tasks: dict[str, dict[str, Call]]) -> None:
    """Everyone computes the same thing, or says so."""
    for task, calls in tasks.items():
        if OURS not in calls or BARE not in calls:
            continue
        ours = calls[OURS]()
        for name, call in calls.items():
            apart = float(np.max(np.abs(call() - ours)))
            # Rivals take theta from totals or a normal reference: close, not equal.
            if apart > (1e-9 if name in (OURS, BARE) else 5e-3):
                sys.exit(f"{task}: {name} differs from {OURS} by {apart:.2g} in a p-value")


def measure(tasks: dict[str, dict[str, Call]]) -> dict[str, dict[str, float]]:
    """Median seconds per task and contender; rounds are interleaved so that a busy machine hits all alike."""
    found: dict[str, dict[str, list[float]]] = {task: {name: [] for name in calls} for task, calls in tasks.items()}
    for turn in range(ROUNDS):
        for task, calls in tasks.items():
            for name, call in calls.items():
                taken = found[task][name]
                if turn >= SLOW_ROUNDS and taken[0] > SLOW:
                    continue
                taken.append(seconds(call))
    return {task: {name: statistics.median(taken) for name, taken in calls.items()} for task, calls in found.items()}


def seconds(call: Call) -> float:
    """CPU seconds of one call, the mean of as many as fit into 50 ms."""
    gc.collect()
    gc.disable()
    calls, started = 0, time.process_time()
    while calls == 0 or time.process_time() - started < 0.05:
        call()
        calls += 1
    taken = (time.process_time() - started) / calls
    gc.enable()
    return taken


def report(found: dict[str, dict[str, float]]) -> str:
    """The page."""
    names = [OURS, BARE, *(name for name in ("gbstats", "tea-tasting", "spotify-confidence"))]
    lines = [INTRODUCTION, f"| | {' | '.join(names)} | ours / bare numpy | fastest rival / ours |", "|---" * 8 + "|"]
    for task, medians in found.items():
        ours, bare = medians[OURS], medians.get(BARE)
        rivals = [value for name, value in medians.items() if name not in (OURS, BARE)]
        cells = [shown(medians[name]) if name in medians else "–" for name in names]
        ratios = [f"{ours / bare:.1f}" if bare else "–", f"{min(rivals) / ours:,.0f}"]
        lines.append(f"| {task} | {' | '.join([*cells, *ratios])} |")
    packages = ", ".join(f"{name} {version(name)}" for name in (*RIVALS, "numpy", "scipy"))
    machine = f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}"
    lines.append(f"\nMeasured on {machine}, {packages}.")
    lines += ["", *verdicts(found), ""]
    return "\n".join(lines)


def verdicts(found: dict[str, dict[str, float]]) -> list[str]:
    """Whether the aims were reached in this run."""
    compared = {task: medians for task, medians in found.items() if BARE in medians}
    rival = min(
        min(value for name, value in medians.items() if name not in (OURS, BARE)) / medians[OURS]
        for medians in compared.values()
    )
    bare = max(medians[OURS] / medians[BARE] for medians in compared.values())
    looks = found["boundaries of 28 looks"][OURS]
    return [
        f"- At least {GOAL_RIVAL:.0f} times as fast as the fastest rival: {word(rival >= GOAL_RIVAL)} (worst {rival:,.0f}).",
        f"- Within {GOAL_BARE:.0f} times bare numpy: {word(bare <= GOAL_BARE)} (worst {bare:.1f}).",
        f"- 28 looks in under {1000 * GOAL_BOUNDARIES:.0f} ms: {word(looks < GOAL_BOUNDARIES)} ({shown(looks)}).",
    ]


def word(reached: bool) -> str:
    """Yes or no."""
    return "yes" if reached else "no"


def shown(value: float) -> str:
    """Seconds, for people."""
    return f"{value:.1f} s" if value >= 1.0 else f"{1000 * value:.3g} ms"


INTRODUCTION = """# Benchmarks

`make bench` writes this section: the same comparisons, from the same moments, by Trialflow, by the bare formulas in numpy and
by three other libraries, in one process and in interleaved rounds. Medians of CPU time; the inputs are put into each
library's own form before the clock starts, and the p-values of all are checked against each other. A comparison is estimate,
standard error, degrees of freedom, p-value and interval. Rivals are called in their quickest way (gbstats and tea-tasting
once per comparison, spotify-confidence once for a table of all). "–": not offered.
"""

if __name__ == "__main__":
    sys.exit(main())
