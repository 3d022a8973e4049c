"""Do the tests find faults? `python tests/mutants [MODULE ...]`, or `make mutants [ONLY=MODULE]`.

Cosmic Ray puts faults into the modules of plan.yaml, one at a time; the tests listed there have to fail for each. The
exit status is 1 if fewer than nine tenths are found, or if the survivors are not those that plan.yaml lists.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from pathlib import Path

import yaml
from mutation import mutants_of
from trial import ROOT, Suite, result_of

MIN_FOUND = 0.9
COLUMNS = ("mutants", "equivalent", "killed", "timeout", "survived")


def main() -> int:
    parser = argparse.ArgumentParser(prog="mutants", description="Put faults into code, and see the tests find them.")
    parser.add_argument("only", nargs="*", help="modules, by a part of their name; all of plan.yaml without")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="trials at once")
    chosen = parser.parse_args()
    plan = yaml.safe_load(Path(__file__).with_name("plan.yaml").read_text(encoding="utf-8"))
    problems, total = [], Counter()
    print(f"{'module':42}" + "".join(f"{name:>12}" for name in COLUMNS) + f"{'found':>8}{'CPU s':>8}")
    for module, settings in plan["modules"].items():
        if any(part in module for part in chosen.only) or not chosen.only:
            before = cpu_seconds()
            tests = [str(ROOT / path) for path in settings["tests"]]
            suite = Suite(module, tests, plan["without"], chosen.jobs)
            counts, remarks = result_of(
                lambda report, suite=suite, settings=settings: report(try_module(suite, settings))
            )
            counts["seconds"] = round(cpu_seconds() - before)
            print(row(module, Counter(counts)), flush=True)
            problems += remarks
            total.update(counts)
    print(row("all", total))
    print("", *problems, sep="\n")
    return 1 if problems else 0


def try_module(suite: Suite, settings: dict) -> tuple[Counter, list[str]]:
    """Try the tests on all mutants of a module; returns counts, and problems with the list of survivors."""
    source = (ROOT / suite.module).read_text(encoding="utf-8")
    suite.warm_up()
    outcome, seconds = suite.outcomes({"": source}, limit=300)[""]
    if outcome != "survived":
        raise SystemExit(f"mutants: the tests of {suite.module} fail without a fault")
    mutants = {one.name: one.source for one in mutants_of(source)}
    trials = suite.outcomes(mutants, limit=10 + round(5 * seconds))
    words = {name: outcome for name, (outcome, _) in trials.items()}
    survived = {name for name in mutants if words[name] == "survived"}
    same, left = ({name for group in settings.get(kind, []) for name in group["mutants"]} for kind in ("same", "left"))
    counts = Counter(words.values())
    counts["mutants"], counts["equivalent"] = len(mutants), len(same & survived)
    counts["survived"] -= counts["equivalent"]
    remarks = [f"survived, and is not listed: {name}" for name in mutants if name in survived - same - left]
    remarks += [f"is listed, and {fate(name, words)}: {name}" for name in sorted((same | left) - survived)]
    if found(counts) < MIN_FOUND:
        remarks.append(f"less than {MIN_FOUND:.0%} are found")
    return counts, [f"{suite.module}: {remark}" for remark in remarks]


def fate(name: str, words: dict[str, str]) -> str:
    return f"is found ({words[name]})" if name in words else "is no longer made"


def cpu_seconds() -> float:
    """CPU seconds of this process and of its finished children."""
    return sum(os.times()[:4])


def found(counts: Counter) -> float:
    """Share of the mutants that are not equivalent and that a test found."""
    return (counts["killed"] + counts["timeout"]) / max(counts["mutants"] - counts["equivalent"], 1)


def row(name: str, counts: Counter) -> str:
    numbers = "".join(f"{counts[column]:12}" for column in COLUMNS)
    return f"{name:42}{numbers}{found(counts):8.1%}{counts['seconds']:8}"


if __name__ == "__main__":
    sys.exit(main())
