"""The Markdown of bench/run.py: medians of ratios taken within a round, beside the goals."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator, Mapping
from statistics import median
from typing import Any, NamedTuple, TypeAlias

#: Groups -> one result of once.py for each round.
Costs: TypeAlias = dict[int, list[dict[str, Any]]]
#: Groups -> form -> program -> system call -> how often.
Calls: TypeAlias = dict[int, dict[str, dict[str, dict[str, int]]]]
Cost: TypeAlias = Callable[[dict[str, float]], float]
Goals: TypeAlias = Mapping[int, str]

FORMS = {"host": "running host", "tree": "`--root` DIR"}
#: CPU per group is compared between these two sizes.
_FLAT = 1024, 16384
_NO_GOALS: Goals = {}


class Results(NamedTuple):
    """What was measured, in which forms of the tree; `calls` is empty without strace."""

    costs: Costs
    calls: Calls
    forms: list[str]


class Row(NamedTuple):
    """One line: what was measured, over how many groups, the figure of each form, the goal."""

    what: str
    groups: str
    figures: dict[str, str]
    goal: str | None = None


def render(results: Results, *, script: bool) -> str:
    """The whole report; `script`: the console script was there to be run."""
    forms = results.forms
    lines = [_machine(len(next(iter(results.costs.values())))), ""]
    if "host" not in forms:
        lines += ["No mount namespace (that takes root): only `--root` DIR was measured.", ""]
    if not script:
        lines += ["No console script beside this interpreter: `python -c` does what it would.", ""]
    heads = [FORMS[form] for form in forms]
    lines += _line(["measured", "groups", *heads, "goal"]), _line(["---"] * (len(forms) + 3))
    for row in _rows(results):
        figures = [row.figures.get(form, "") for form in forms]
        lines.append(_line([row.what, row.groups, *figures, f"<= {row.goal}" if row.goal else ""]))
    if len(results.calls) > 1:
        lines += ["", *_breakdown(results.calls, forms[0])]
    return "\n".join(lines)


def _machine(rounds: int) -> str:
    kernel = platform.release().partition("-")[0]
    python = f"{platform.python_implementation()} {platform.python_version()}"
    how = f"CPU time (user + system), medians of {rounds} interleaved rounds"
    return f"{os.cpu_count()} CPUs, Linux {kernel}, {python}; {how}."


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _rows(results: Results) -> Iterator[Row]:
    floor = _cost("floor")
    yield from _ratios(
        results, "take + evaluate / C", (_judged, floor), {4096: "2.0", 16384: "2.3"}
    )
    whole = _cost("attach floor")
    yield from _ratios(results, "take + evaluate / C of the whole attach", (_judged, whole))
    yield from _ratios(results, "take alone / C", (_cost("take"), floor))
    yield from _ratios(results, "take alone / C of the whole attach", (_cost("take"), whole))
    yield from _ratios(results, "whole process / C", (_cost("drive"), floor))
    yield from _ratios(results, "`report --output json` / C", (_cost("json"), floor), {4096: "4.0"})
    yield from _ratios(results, "the same with `--proof none` / C", (_cost("brief"), floor))
    yield from _sizes(results, "JSON, MB", "json", {})
    yield from _sizes(results, "JSON with `--proof none`, MB", "brief", {4096: "2.5"})
    yield from _flat(results)
    yield from _calls(results, "drive", "system calls per group", goal="16")
    yield from _peak(results, {16384: "110"})
    for verb in "check", "explain":
        yield from _of_one_device(results, verb, "1.5")
    yield from _starts(results, "--version", "version", "2.5")
    yield from _starts(results, "check", "check", "3.5")
    if all("lspci" in rounds[0][results.forms[0]] for rounds in results.costs.values()):
        pair = _cost("check"), _cost("lspci")
        yield from _ratios(results, "`check` / `lspci -nnk`", pair, {4096: "1.0"})


def _judged(cost: dict[str, float]) -> float:
    return cost["take"] + cost["evaluate"]


def _cost(name: str) -> Cost:
    return lambda cost: cost[name]


def _ratios(
    results: Results, what: str, pair: tuple[Cost, Cost], goals: Goals = _NO_GOALS
) -> Iterator[Row]:
    """The first of a pair over the second, both of the same round."""
    ours, theirs = pair
    for size, rounds in results.costs.items():
        figures = {
            form: f"{median(ours(r[form]) / theirs(r[form]) for r in rounds):.2f}"
            for form in results.forms
        }
        yield Row(what, str(size), figures, goals.get(size))


def _sizes(results: Results, what: str, name: str, goals: Goals) -> Iterator[Row]:
    for size, rounds in results.costs.items():
        figures = {
            form: f"{median(result[form][f'{name} size'] for result in rounds) / 1e6:.2f}"
            for form in results.forms
        }
        yield Row(what, str(size), figures, goals.get(size))


def _of_one_device(results: Results, verb: str, goal: str) -> Iterator[Row]:
    """Whether a verb that asks for one device costs the same on a large host; its system calls."""
    sizes = list(results.costs)
    if len(sizes) > 1:
        pairs = list(zip(results.costs[sizes[0]], results.costs[sizes[-1]], strict=True))
        figures = {
            form: f"{median(large[form][verb] / small[form][verb] for small, large in pairs):.2f}"
            for form in results.forms
        }
        what = f"CPU of `{verb}` of one device, large / small host"
        yield Row(what, f"{sizes[-1]} / {sizes[0]}", figures, goal)
    for size, forms in results.calls.items():
        if verb in forms[results.forms[0]]:
            figures = {form: str(sum(forms[form][verb].values())) for form in results.forms}
            yield Row(f"system calls of `{verb}` of one device", str(size), figures)


def _flat(results: Results) -> Iterator[Row]:
    """Whether a group costs the same on a large host."""
    small, large = _FLAT
    if small not in results.costs or large not in results.costs:
        return
    figures = {}
    for form in results.forms:
        pairs = zip(results.costs[small], results.costs[large], strict=True)
        ratios = [_judged(b[form]) / large / (_judged(a[form]) / small) for a, b in pairs]
        figures[form] = f"{median(ratios):.2f}"
    yield Row("CPU per group, large / small host", f"{large} / {small}", figures, "1.3")


def _calls(results: Results, program: str, what: str, goal: str | None = None) -> Iterator[Row]:
    """Of the whole process, and of one group more, where interpreter start-up drops out."""
    calls = results.calls
    for size in calls:
        figures = {
            form: f"{sum(calls[size][form][program].values()) / size:.1f}" for form in results.forms
        }
        yield Row(f"{what}, all / groups", str(size), figures)
    if len(calls) > 1:
        few, many = list(calls)[-2:]
        figures = {
            form: f"{sum(_marginal(calls, form, program, (few, many)).values()):.2f}"
            for form in results.forms
        }
        yield Row(f"{what}, marginal", f"{few} to {many}", figures, goal)


def _marginal(calls: Calls, form: str, program: str, between: tuple[int, int]) -> dict[str, float]:
    """System call -> how many more for one group more."""
    few, many = (calls[size][form][program] for size in between)
    groups = between[1] - between[0]
    return {name: (count - few.get(name, 0)) / groups for name, count in many.items()}


def _peak(results: Results, goals: Goals) -> Iterator[Row]:
    for size, rounds in results.costs.items():
        figures = {
            form: f"{median(result[form]['peak'] for result in rounds) * 1024 / 1e6:.0f}"
            for form in results.forms
        }
        yield Row("peak memory, MB", str(size), figures, goals.get(size))


def _starts(results: Results, what: str, name: str, goal: str) -> Iterator[Row]:
    for size, rounds in results.costs.items():
        pairs = [pair for result in rounds for pair in result.get("starts", ())]
        if pairs:
            ratio = f"{median(pair[name] / pair['bare'] for pair in pairs):.2f}"
            command = f"`vfioguard {what}` / `python -c pass`"
            yield Row(command, str(size), {results.forms[0]: ratio}, goal)


def _breakdown(calls: Calls, form: str) -> Iterator[str]:
    """Marginal system calls by kind, between the two largest sizes."""
    small, large = list(calls)[-2:]
    yield f"System calls for one group more ({FORMS[form]}, {small} to {large} groups):"
    yield ""
    yield _line(["system call", "C", "C of the whole attach", "vfioguard"])
    yield _line(["---"] * 4)
    floors = [_marginal(calls, form, name, (small, large)) for name in ("floor", "attach floor")]
    ours = _marginal(calls, form, "drive", (small, large))
    for name in sorted(ours, key=lambda one: -ours[one]):
        if ours[name] >= 0.005:
            of_c = [f"{floor.get(name, 0):.2f}" for floor in floors]
            yield _line([f"`{name}`", *of_c, f"{ours[name]:.2f}"])
    of_c = [f"{sum(floor.values()):.2f}" for floor in floors]
    yield _line(["all", *of_c, f"{sum(ours.values()):.2f}"])
