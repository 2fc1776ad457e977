#!/usr/bin/env python3
"""Measures `check` on installations of growing size, and draws the figures:

    scripts/scale/measure.py BINARY FOLDER [OUT.svg]

Installations are made below FOLDER by generate.py and kept. Each is checked three times in turn with the others; the least CPU time
(user and system) counts, which other work on the machine changes least. Prints a table of Markdown.
"""
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
SIZES = {
    "skills": [1000, 2000, 4000, 8000],
    "plugins": [250, 500, 1000, 2000],
    "files": [25_000, 50_000, 100_000, 200_000],
    "lock": [5000, 10_000, 20_000, 40_000],
    "rules": [2500, 5000, 10_000, 20_000],
    "exceptions": [2500, 5000, 10_000, 20_000],
    "reviews": [12_500, 25_000, 50_000, 100_000],
}
COLOURS = ["#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f"]


def run(binary, folder, verb):
    """CPU seconds, peak MiB, exit code."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    words = [str(binary), *verb, "--state-dir", str(folder / "state"), "--config", str(folder / "config"), "--home", str(home), "--now", "2026-11-22T12:00:00Z"]
    child = os.fork()
    if child == 0:
        null = os.open(os.devnull, os.O_RDWR)
        for fd in range(3):
            os.dup2(null, fd)
        os.execve(words[0], words, {"HOME": str(home), "PATH": "/usr/bin:/bin"})
    _, status, usage = os.wait4(child, 0)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, os.waitstatus_to_exitcode(status)


def figures(binary, folder):
    places = []
    for kind, sizes in SIZES.items():
        for size in sizes:
            place = folder / f"{kind}-{size}"
            if not place.exists():
                subprocess.run([sys.executable, HERE / "generate.py", kind, str(size), place], check=True)
            if kind != "lock" and not (place / "config/openclaw-verify.lock").exists():
                # Where there is a policy already, the first lock is made without one.
                verb = ["lock"] if (place / "config/openclaw-verify.toml").exists() else ["lock", "--init"]
                run(binary, place, verb)
            places.append((kind, size, place))
    best = {}
    for _ in range(3):
        for kind, size, place in places:
            cpu, memory, code = run(binary, place, ["check"])
            if code not in (0, 1):
                raise SystemExit(f"{kind} {size}: exit {code}")
            before = best.get((kind, size), (cpu, memory))
            best[kind, size] = (min(cpu, before[0]), max(memory, before[1]))
    return best


def table(best):
    print("| what | number | CPU s | for twice as many | peak MiB |")
    print("|---|---|---|---|---|")
    for kind, sizes in SIZES.items():
        for at, size in enumerate(sizes):
            cpu, memory = best[kind, size]
            ratio = f"{cpu / best[kind, sizes[at - 1]][0]:.2f} ×" if at else ""
            print(f"| {kind} | {size:,} | {cpu:.2f} | {ratio} | {memory:.0f} |")


def panel(best, which, left, title):
    """One plot, both axes relative to the smallest size: a straight line is linear."""
    lines = [f'<text x="{left}" y="24" class="t">{title}</text>']
    top = max(best[k, s][which] / best[k, SIZES[k][0]][which] for k in SIZES for s in SIZES[k])
    top = max(top, 8)
    place = lambda x, y: (left + 300 * x / 8, 320 - 270 * y / top)
    for x in (1, 2, 4, 8):
        at, _ = place(x, 0)
        lines.append(f'<line x1="{at:.1f}" y1="50" x2="{at:.1f}" y2="320" class="g"/><text x="{at:.1f}" y="336" class="a">{x} ×</text>')
        if x <= top:
            _, at = place(0, x)
            lines.append(f'<line x1="{left}" y1="{at:.1f}" x2="{left + 300}" y2="{at:.1f}" class="g"/><text x="{left - 16}" y="{at + 4:.1f}" class="a">{x} ×</text>')
    a, b = place(1, 1), place(8, 8)
    lines.append(f'<line x1="{a[0]:.1f}" y1="{a[1]:.1f}" x2="{b[0]:.1f}" y2="{b[1]:.1f}" class="l"/>')
    for (kind, sizes), colour in zip(SIZES.items(), COLOURS):
        first = best[kind, sizes[0]][which]
        points = " ".join("{:.1f},{:.1f}".format(*place(s / sizes[0], best[kind, s][which] / first)) for s in sizes)
        lines.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
    return lines


def svg(best):
    style = ".t{font:600 14px sans-serif}.a{font:11px sans-serif;text-anchor:middle;fill:#555}.k{font:12px sans-serif}.g{stroke:#ddd}.l{stroke:#999;stroke-dasharray:4 4}"
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 400" role="img" aria-label="check: CPU time and memory by size"><style>{style}</style><rect width="760" height="400" fill="#fff"/>']
    lines += panel(best, 0, 50, "CPU time, relative (dashed: linear)") + panel(best, 1, 430, "Peak memory, relative")
    for at, (kind, colour) in enumerate(zip(SIZES, COLOURS)):
        lines.append(f'<rect x="{50 + at * 100}" y="362" width="14" height="4" fill="{colour}"/><text x="{68 + at * 100}" y="369" class="k">{kind}</text>')
    return "\n".join([*lines, "</svg>", ""])


def main():
    best = figures(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve())
    table(best)
    if len(sys.argv) > 3:
        pathlib.Path(sys.argv[3]).write_text(svg(best))


main()
