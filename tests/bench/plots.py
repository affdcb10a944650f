"""The plots, drawn by gnuplot as SVG."""

import collections
import os
import shutil
import subprocess

Plot = collections.namedtuple("Plot", "title x y settings style")


def _plot(title, x, y, settings="", style="linespoints"):
    return Plot(title, x, y, settings, style)


PLOTS = {
    "rate": _plot("Pushes a second by round trip and connections", "round trip, ms", "pushes/s",
                  "set logscale y; set xrange [-5:*]"),
    "delay": _plot("Added delay of one message", "ms", "share of messages that took no longer",
                   "set yrange [0:1]", "steps"),
    "store": _plot("Cost by store size", "subscriptions", "us of CPU", "set logscale x; set yrange [0:*]"),
    "envelope": _plot("ENVELOPE by size of the header", "octets", "ns per octet",
                      "set logscale x 2; set yrange [0:*]"),
    "depth": _plot("Depth of the outbox over a day", "hour of the day", "records", "set yrange [0:*]", "lines"),
    "age": _plot("Age of what was pushed, over a day", "hour of the day", "seconds of the replay",
                 "set yrange [0:*]", "lines"),
}


def _script(plot, lines, path):
    blocks, curves = [], []
    for i, (label, points) in enumerate(lines.items()):
        blocks.append(f"$line{i} << END\n" + "\n".join(f"{x:g} {y:g}" for x, y in points) + "\nEND")
        curves.append(f"$line{i} using 1:2 with {plot.style} lw 2 title '{label}'")
    return "\n".join([
        "set terminal svg size 800,480 background 'white' font 'sans-serif,13'",
        f"set output '{path}'", f"set title '{plot.title}'", f"set xlabel '{plot.x}'",
        f"set ylabel '{plot.y}'", "set grid", "set key outside below", plot.settings,
        *blocks, "plot " + ", ".join(curves), ""])


def draw(parts, folder):
    """Draws all of them that have data; yields what is to be said."""
    gnuplot = shutil.which("gnuplot")
    if gnuplot is None:
        yield "skipped: plots: gnuplot is not installed"
        return
    os.makedirs(folder, exist_ok=True)
    for part in parts.values():
        for name, lines in part["plots"].items():
            path = os.path.join(folder, name + ".svg")
            subprocess.run([gnuplot], input=_script(PLOTS[name], lines, path), text=True, check=True)
            yield path
