#!/usr/bin/python3
"""The results of the benchmarks as text and as Markdown.

    tests/bench/report.py build/bench/bench.json              the tables that `make bench` printed
    tests/bench/report.py --markdown build/bench/bench.json   those of docs/performance.md
    tests/bench/report.py --write build/bench/bench.json      puts them into docs/performance.md, and
                                                              the plots into docs/plots/
"""

import json
import os
import sys

if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    sys.path.remove(os.path.dirname(os.path.abspath(__file__)))
    sys.dont_write_bytecode = True

from bench import goals, measure, plots         # noqa: E402

HEAD = ("goal", "", "ours", "base", "ratio", "spread", "must", "dream", "verdict")
DOCUMENT = "docs/performance.md"
BEGIN, END = "<!-- figures: made by tests/bench/report.py --write -->", "<!-- end of figures -->"


def load(path):
    try:
        with open(path, encoding="utf-8") as f:
            return json.load(f)["parts"]
    except FileNotFoundError:
        return {}


def save(path, parts):
    with open(path + ".new", "w", encoding="utf-8") as f:
        json.dump({"parts": parts}, f, indent=1)
        f.write("\n")
    os.replace(path + ".new", path)


def good(part):
    return part["failure"] is None and not any(
        goal["verdict"].startswith("short") for goal in part["goals"])


def number(value, unit=""):
    if value is None:
        return ""
    if value == int(value) and abs(value) >= 100 or value == 0:
        text = f"{value:,.0f}"
    elif abs(value) >= 100:
        text = f"{value:,.0f}"
    else:
        text = f"{value:.3g}"
    return f"{text} {unit}".rstrip()


def spread(rounds):
    """The middle half of the rounds."""
    if len(rounds) < 2:
        return ""
    _, low, high = measure.quartiles(rounds)
    return f"{number(low)}..{number(high)}"


def verdict(goal):
    """And how far what is underneath gets; results of before the floors were measured have none."""
    if goal.get("floor") is None:
        return goal["verdict"]
    words, ratios = goal["floor"]
    floor = filter(None, (number(measure.quartiles(ratios)[0]), spread(ratios)))
    return f"{goal['verdict']} ({words}: {', '.join(floor)})"


def row(goal):
    known = goals.GOALS[goal["id"]]
    unit = "" if known.unit == "x" else known.unit
    return (goal["id"], known.words, number(goal["ours"], goal["unit"] or unit),
            number(goal["base"], goal["unit"]), number(goal["ratio"]), spread(goal["rounds"]),
            number(goal["must"], unit), number(goal["dream"], unit), verdict(goal))


def table(rows):
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(r, widths)).rstrip() for r in rows]


def below(part):
    """Figures without a goal, what was skipped, and what failed."""
    for figure in part["figures"]:
        middle = spread(figure["rounds"])
        yield f"{figure['words']}: {number(figure['value'], figure['unit'])}" + (
            f" ({middle})" if middle else "")
    for skip in part["skipped"]:
        yield f"skipped: {skip['what']}: {skip['why']}"
    if part["failure"]:
        yield f"failed: {part['failure']}"


def where(part):
    host = part["host"]
    versions = ", ".join(f"{name} {version}" for name, version in host["versions"].items())
    return (f"{host['cpu']}, {host['cores']} cores, {host['memory_mb']} MB, {host['system']}, "
            f"kernel {host['kernel']}, {host['compiler']}; {versions}")


def text(name, part):
    lines = [f"== {name}: {part['seconds']:.0f} s, {part['date']}, load average "
             f"{part['load'][0]:.2f} to {part['load'][1]:.2f}", where(part)]
    if part["goals"]:
        lines += table([HEAD] + [row(goal) for goal in part["goals"]])
    return "\n".join(lines + list(below(part)))


def markdown(parts):
    lines = []
    for name, part in parts.items():
        lines += [f"### {name}", ""]
        if part["goals"]:
            lines += ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
            lines += ["| " + " | ".join(row(goal)) + " |" for goal in part["goals"]] + [""]
        lines += [f"- {line}" for line in below(part)]
        lines += ["", f"{part['date']}, {part['seconds']:.0f} s, load average {part['load'][0]:.2f} to "
                  f"{part['load'][1]:.2f}. {where(part)}", ""]
        lines += [f"![{plots.PLOTS[plot].title}](plots/{plot}.svg)\n" for plot in part["plots"]]
    return "\n".join(lines)


def write(parts):
    """Replaces what stands between the two marks."""
    with open(DOCUMENT, encoding="utf-8") as f:
        before, _, rest = f.read().partition(BEGIN)
    _, _, after = rest.partition(END)
    with open(DOCUMENT, "w", encoding="utf-8") as f:
        f.write(f"{before}{BEGIN}\n\n{markdown(parts)}\n{END}{after}")
    for line in plots.draw(parts, "docs/plots"):
        print(line)


def main(argv):
    parts = load(argv[-1])
    if "--write" in argv:
        write(parts)
    elif "--markdown" in argv:
        print(markdown(parts))
    else:
        print("\n\n".join(text(name, part) for name, part in parts.items()))


if __name__ == "__main__":
    main(sys.argv[1:])
