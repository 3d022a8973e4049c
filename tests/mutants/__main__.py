"""Do the tests find faults? `python tests/mutants [MODULE ...]`, or `make mutants [ONLY=MODULE]`.

Cosmic Ray puts faults into the modules of plan.yaml, one at a time; the tests named there have to fail for each. Ends
with 1 where less than nine tenths are found, or where what survived is not what plan.yaml lists with a reason.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from pathlib import Path

import yaml
from made import Mutant, mutants_of
from trial import ROOT, Outcome, ended, start, tested, warm_up

FEWEST = 0.9
COLUMNS = ("mutants", "equivalent", "killed", "timeout", "survived")


def main() -> int:
    parser = argparse.ArgumentParser(prog="mutants", description="Put faults into code, and see the tests find them.")
    parser.add_argument("only", nargs="*", help="modules, by a part of their name; all of plan.yaml without")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="trials at once")
    chosen = parser.parse_args()
    plan = yaml.safe_load(Path(__file__).with_name("plan.yaml").read_text(encoding="utf-8"))
    wrong, total = [], Counter()
    print(f"{'module':42}" + "".join(f"{name:>12}" for name in COLUMNS) + f"{'found':>8}{'CPU s':>8}")
    for module, entry in plan["modules"].items():
        if any(part in module for part in chosen.only) or not chosen.only:
            counts, remarks = judge(module, entry, plan["without"], chosen.jobs)
            print(row(module, counts), flush=True)
            wrong += remarks if found(counts) >= FEWEST else [f"{module}: less than nine tenths are found", *remarks]
            total += counts
    print(row("all", total))
    print(*wrong, sep="\n")
    return 1 if wrong else 0


def judge(module: str, entry: dict, without: list[str], jobs: int) -> tuple[Counter, list[str]]:
    """Try the tests on all mutants of a module; gives counts, and what is wrong with the list of survivors."""
    before = sum(os.times()[:4])
    source = (ROOT / module).read_text(encoding="utf-8")
    arguments = [argument if argument.startswith("-") else str(ROOT / argument) for argument in entry["tests"]]
    warm_up(arguments)
    (sound,) = tried([Mutant("", "", "", source)], module, arguments, without, 1, limit=300).values()
    if sound.word != "survived":
        raise SystemExit(f"mutants: the tests of {module} fail without a fault")
    mutants = {one.name: one for one in mutants_of(source)}
    limit = 10 + round(5 * sound.seconds)
    outcomes = tried(list(mutants.values()), module, arguments, without, jobs, limit)
    survived = {name for name, outcome in outcomes.items() if outcome.word == "survived"}
    same, accepted = ({name for group in entry.get(kind, []) for name in group["mutants"]} for kind in ("same", "left"))
    counts = Counter(outcome.word for outcome in outcomes.values())
    counts |= {"mutants": len(mutants), "equivalent": len(same & survived)}
    counts["survived"] -= counts["equivalent"]
    counts["seconds"] = round(sum(os.times()[:4]) - before)
    remarks = [
        f"{module}: survived, and is not listed: {name}" for name in mutants if name in survived - same - accepted
    ]
    remarks += [f"{module}: is listed, and {fate(name, outcomes)}: {name}" for name in (same | accepted) - survived]
    return counts, remarks


def tried(
    mutants: list[Mutant], module: str, arguments: list, without: list, jobs: int, limit: int
) -> dict[str, Outcome]:
    """Outcomes by the mutants' names."""
    waiting, running, outcomes = list(reversed(mutants)), {}, {}
    while waiting or running:
        while waiting and len(running) < jobs:
            one = waiting.pop()
            running[start(lambda one=one: tested(module, one.source, arguments, without), limit)] = one.name
        process, status, used = os.wait4(-1, 0)
        outcomes[running.pop(process)] = ended(status, used)
    return outcomes


def fate(name: str, outcomes: dict[str, Outcome]) -> str:
    return f"is found ({outcomes[name].word})" if name in outcomes else "is no longer made"


def found(counts: Counter) -> float:
    """Share of the mutants that are not equivalent and that a test found."""
    return (counts["killed"] + counts["timeout"]) / max(counts["mutants"] - counts["equivalent"], 1)


def row(name: str, counts: Counter) -> str:
    numbers = "".join(f"{counts[column]:12}" for column in COLUMNS)
    return f"{name:42}{numbers}{found(counts):8.1%}{counts['seconds']:8}"


if __name__ == "__main__":
    sys.exit(main())
