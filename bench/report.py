#!/usr/bin/env python3
"""Writes RESULTS.md and results.svg from what run.sh measured, in the directory that is given."""

import collections
import html
import math
import pathlib
import sys

FIELDS = (
    "row a b clients pinned rounds seconds "
    "rate_a p50_a p99_a wal_a hot_a rate_b p50_b p99_b wal_b hot_b "
    "ratio round_ratio round_min round_max"
).split()

# What each row of two sides is, and the ratio to reach, with 1 and with several clients; None: no goal.
ROWS = {
    "P1": ("validate_session / bare SELECT by primary key", 1.0, 1.0),
    "P1-plpgsql": ("validation in PL/pgSQL / bare SELECT", None, None),
    "P1-roundtrip": ("validate_session / SELECT $1", None, None),
    "P2": ("validate_session with activity / the original's SELECT and UPDATE", 10, 8),
    "P3": ("validate_session / Redis GET", 0.8, 0.8),
    "P3-create": ("create_session / Redis SET, appendfsync always", 3, 3),
    "P3-everysec": ("create_session / Redis SET, appendfsync everysec", None, None),
    "P4": ("validate_sessions of 100 / validate_session, tokens", 8, 8),
    "P5": ("create_session / the original's count, INSERT, count", 1.5, 1.5),
    "P5-checkpoint": ("the same, a checkpoint before each slice", None, None),
    "P5-records": ("the same, without full page images", None, None),
    "P5-gauge": ("create_session / the same with the original's count of all sessions", None, None),
    "P6": ("refresh_session / the original's SELECT, INSERT, UPDATE", 2, 2),
    "P6-checkpoint": ("the same, a checkpoint before each slice", None, None),
    "P6-records": ("the same, without full page images", None, None),
    "P7": ("validate_session, largest database / smallest", 0.9, 0.9),
}
# Bytes of WAL: of the records alone, and with the full page images that follow a checkpoint. (Without either
# switch the sides would differ by what of their pages was written before.)
WAL_ROWS = {
    "P5-records": ("for each sign-in, without full page images", 0.6),
    "P5-checkpoint": ("for each sign-in, after a checkpoint", 0.6),
    "P6-records": ("for each refresh, without full page images", None),
    "P6-checkpoint": ("for each refresh, after a checkpoint", 0.4),
}


def read_lines(path):
    return [line.split("\t") for line in path.read_text().splitlines()] if path.exists() else []


def read_comparisons(directory):
    found = []
    for line in read_lines(directory / "compare.tsv"):
        entry = dict(zip(FIELDS, line))
        for name in FIELDS[3:]:
            entry[name] = float(entry[name])
        found.append(entry)
    return found


def clients_of(entry):
    count = int(entry["clients"])
    text = "1 client" if count == 1 else f"{count} clients"
    return text + (", one processor" if entry["pinned"] else "")


def plain(value):
    """A figure with three digits that count."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}" if abs(value) < 10 else f"{value:.1f}"


class Figure:
    """One line of the table of goals: at_most tells on which side of the goal to be."""

    def __init__(self, row, what, value, goal=None, at_most=False, unit="", note=""):
        self.row, self.what, self.value, self.goal = row, what, value, goal
        self.at_most, self.unit, self.note = at_most, unit, note

    @property
    def verdict(self):
        if self.goal is None:
            return ""
        reached = self.value <= self.goal if self.at_most else self.value >= self.goal
        return "ahead" if reached else "**behind**"

    def cells(self):
        goal = "" if self.goal is None else f"{'≤' if self.at_most else '≥'} {plain(self.goal)}{self.unit}"
        return [self.row, self.what, f"{plain(self.value)}{self.unit}", self.note, goal, self.verdict]


def ratios(comparisons):
    for entry in comparisons:
        what, goal_one, goal_many = ROWS[entry["row"]]
        many = entry["clients"] > 1
        spread = f"{entry['round_ratio']:.2f} ({entry['round_min']:.2f} to {entry['round_max']:.2f})"
        yield Figure(entry["row"], f"{what}; {clients_of(entry)}", entry["ratio"],
                     goal_many if many else goal_one, note=spread)


def wal(comparisons):
    for entry in comparisons:
        if entry["row"] in WAL_ROWS:
            what, goal = WAL_ROWS[entry["row"]]
            yield Figure(entry["row"], f"bytes of WAL {what}", entry["wal_a"] / entry["wal_b"], goal, True,
                         note=f"{plain(entry['wal_a'])} / {plain(entry['wal_b'])} bytes")


def hot_shares(comparisons):
    for row, what in (("P2", "activity writes"), ("P6", "refreshes")):
        for entry in comparisons:
            if entry["row"] == row and entry["hot_a"] >= 0:
                yield Figure("P9", f"HOT share of {what}; {clients_of(entry)}", entry["hot_a"] * 100, 95,
                             unit=" %", note=f"the original's updates: {max(entry['hot_b'], 0) * 100:.0f} %")


def median(values):
    values = sorted(values)
    return values[len(values) // 2]


def others(directory):
    figures = collections.defaultdict(list)
    for row, name, value in read_lines(directory / "figures.tsv"):
        figures[row, name].append(float(value))

    def of(row, name):
        return median(figures[row, name])

    if ("P8", "session_service.sessions") in figures:
        ours, original = of("P8", "session_service.sessions"), of("P8", "original.sessions")
        devices = of("P8", "session_service.devices")
        yield Figure("P8", "bytes on disk for each session, indexes included: sessions", ours / original, 0.7, True,
                     note=f"{plain(ours)} / {plain(original)} bytes")
        yield Figure("P8", "the same with devices, which the original does not have", (ours + devices) / original,
                     note=f"{plain(ours)} + {plain(devices)} / {plain(original)} bytes")
        events, users = of("P8", "session_service.events"), of("P8", "session_service.users")
        yield Figure("P8", "the same with users and events (one of each new device)",
                     (ours + devices + users + events) / (original + of("P8", "original.users")),
                     note=f"{plain(users)} + {plain(events)} bytes more")
    if ("P10", "cleanup") in figures:
        yield Figure("P10", "cleanup_sessions / one plain DELETE, rows a second", of("P10", "cleanup") / of("P10", "delete"),
                     0.8, note=f"{plain(of('P10', 'cleanup'))} / {plain(of('P10', 'delete'))} rows a second")
        yield Figure("P10", f"p99 of validate_session while {plain(of('P10', 'rows'))} sessions are cleaned / idle",
                     of("P10", "p99-busy") / of("P10", "p99-idle"), 2, True,
                     note=f"{plain(of('P10', 'p99-busy'))} / {plain(of('P10', 'p99-idle'))} µs; "
                          f"p50 {plain(of('P10', 'p50-busy'))} / {plain(of('P10', 'p50-idle'))} µs")
    memory = read_lines(directory / "memory.tsv")
    if memory:
        worst = max(memory, key=lambda line: int(line[3]) - int(line[2]))
        yield Figure("P11", f"growth of a backend's private memory over {int(worst[1]):,} calls, the worst function",
                     (int(worst[3]) - int(worst[2])) / 1e6, 1, True, " MB", worst[0])
        worst = max(memory, key=lambda line: int(line[5]) - int(line[4]))
        yield Figure("P11", "growth of its memory contexts, the worst function", (int(worst[5]) - int(worst[4])) / 1e6,
                     1, True, " MB", worst[0])
    if ("P12", "validate_session, first") in figures:
        more = of("P12", "validate_session, first") - of("P12", "validate_session, second")
        bare = of("P12", "bare SELECT, first") - of("P12", "bare SELECT, second")
        yield Figure("P12", "first call of a new connection beyond the second", more / 1000, 5, True, " ms",
                     f"the bare SELECT: {plain(bare / 1000)} ms")
    if ("P13", "large") in figures:
        yield Figure("P13", f"two tokens of {of('P13', 'bytes') / 1e9:.2g} GB are refused, statement included",
                     of("P13", "large"), 10, True, " ms")
        yield Figure("P13", "a malformed token is refused, making it and the row of the loop included",
                     of("P13", "malformed"), 20, True, " µs")


def markdown_table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def short(side):
    """A side without where it is."""
    name, _, where = side.partition(":")
    return name + (f" ({where})" if "/" not in where and where != "usual" else "")


def report(directory, comparisons, figures):
    setup = dict(line for line in read_lines(directory / "setup.tsv"))
    ahead = [figure for figure in figures if figure.verdict == "ahead"]
    behind = [figure for figure in figures if "behind" in figure.verdict]
    text = ["# Results", "",
            f"Measured on {setup['date']} by `bench/run.sh{' --quick' if setup['quick'] == 'yes' else ''}`; "
            "[README.md](README.md) tells what each row measures.", "",
            f"- PostgreSQL {setup['server']}, shared_buffers {setup['shared_buffers']}, fsync and synchronous_commit on, "
            "autovacuum off while measuring; Redis " + setup["redis"] + ", append-only file.",
            f"- {setup['processors']}, {setup['memory']}, {setup['kernel']}; servers and clients share them. "
            f"Load average of the machine at the start: {setup['load']}.",
            f"- Sessions in the small, the usual and the large database: {setup['sizes']}"
            + (" (0: left out)." if setup["sizes"].endswith(" 0") else "."),
            f"- {setup['rounds']} rounds of {setup['seconds']} s for each side, A B A B …; prepared statements, unix "
            "sockets; 100,000 tokens drawn at random, or a third of a smaller database's.",
            "- \"One processor\": the client and the server's process are bound to the same one, so that a call costs what "
            "it computes and not the wake-up of another processor.", "",
            "![Ratios against their goals](results.svg)", "", "## Figures and goals", "",
            f"{len(ahead)} figures reach their goal, {len(behind)} fall short. Ratios are of medians; beside them the median "
            "of the rounds' ratios, the least and the greatest.", "",
            markdown_table(["row", "what", "figure", "rounds, or parts", "goal", ""], [f.cells() for f in figures]), ""]
    text += ["## What is ahead, what is behind", ""]
    text += [f"- Ahead: {f.row}, {f.what}: {plain(f.value)}{f.unit}." for f in ahead]
    text += [f"- Behind: {f.row}, {f.what}: {plain(f.value)}{f.unit}, where {plain(f.goal)}{f.unit} is wanted."
             for f in behind] or ["- Nothing that was measured is behind its goal."]
    text += ["", "## Both sides of each comparison", "",
             markdown_table(["row", "clients", "A", "a second", "p50 µs", "p99 µs", "B", "a second", "p50 µs", "p99 µs"],
                            [[e["row"], clients_of(e), short(e["a"]), plain(e["rate_a"]), plain(e["p50_a"]),
                              plain(e["p99_a"]), short(e["b"]), plain(e["rate_b"]), plain(e["p50_b"]),
                              plain(e["p99_b"])] for e in comparisons]), ""]
    memory = read_lines(directory / "memory.tsv")
    if memory:
        text += ["## Memory of a backend", "",
                 markdown_table(["function", "calls", "private memory before", "after", "contexts before", "after"],
                                [[line[0]] + [f"{int(cell):,}" for cell in line[1:]] for line in memory]), ""]
    (directory / "RESULTS.md").write_text("\n".join(text))


STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.small { font-size: 11px; fill: #59636e }
.bar { fill: #2f6fb5 } .behind { fill: #b35900 } .free { fill: #8c959f }
.axis { stroke: #8c959f } .goal { stroke: #1f2328; stroke-width: 2 } .range { stroke: #1f2328; stroke-opacity: .6 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .small { fill: #9198a1 }
  .bar { fill: #6cb0f5 } .behind { fill: #f0a04b } .free { fill: #6e7681 }
  .goal { stroke: #e6edf3 } .range { stroke: #e6edf3 }
}
"""


def plot(directory, comparisons):
    """Bars of the ratios on a logarithmic axis from 1/16 to 128, a mark at each goal."""
    low, high = math.log2(1 / 16), math.log2(128)
    left, width, height, top = 520, 420, 26, 60

    def x(ratio):
        return left + width * (min(max(math.log2(ratio), low), high) - low) / (high - low)

    bottom = top + height * len(comparisons)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 80} {bottom + 40}" '
           'role="img" aria-labelledby="title">',
           '<title id="title">Operations a second, session_service against each peer</title>',
           f"<style>{STYLE}</style>",
           '<text x="10" y="22">Operations a second: this extension / the other side (log scale)</text>',
           '<text x="10" y="40" class="small">Bar: ratio of medians. Thin line: least and greatest round. '
           "Upright mark: the goal.</text>"]
    for power in range(-4, 8):
        at = x(2.0 ** power)
        label = str(2 ** power) if power >= 0 else f"1/{2 ** -power}"
        out.append(f'<line class="axis" stroke-opacity="{1 if power == 0 else .25}" x1="{at:.1f}" y1="{top - 8}" '
                   f'x2="{at:.1f}" y2="{bottom}"/>')
        out.append(f'<text class="small" text-anchor="middle" x="{at:.1f}" y="{bottom + 16}">{label}</text>')
    for i, entry in enumerate(comparisons):
        what, goal_one, goal_many = ROWS[entry["row"]]
        goal = goal_many if entry["clients"] > 1 else goal_one
        kind = "free" if goal is None else "bar" if entry["ratio"] >= goal else "behind"
        y = top + height * i
        one, value = x(1), x(entry["ratio"])
        label = html.escape(f"{entry['row']}  {what}")
        out.append(f'<text class="small" x="{left - 10}" y="{y + 16}" text-anchor="end">{label} · '
                   f"{'c' if entry['pinned'] else ''}{int(entry['clients'])}</text>")
        out.append(f'<rect class="{kind}" x="{min(one, value):.1f}" y="{y + 5}" '
                   f'width="{max(abs(value - one), 1):.1f}" height="{height - 12}"/>')
        out.append(f'<line class="range" x1="{x(entry["round_min"]):.1f}" y1="{y + 12}" '
                   f'x2="{x(entry["round_max"]):.1f}" y2="{y + 12}"/>')
        if goal is not None:
            out.append(f'<line class="goal" x1="{x(goal):.1f}" y1="{y + 2}" x2="{x(goal):.1f}" y2="{y + height - 4}"/>')
        out.append(f'<text x="{left + width + 10}" y="{y + 17}">{plain(entry["ratio"])}</text>')
    out.append(f'<text class="small" x="10" y="{bottom + 34}">Last number of a label: clients; '
               "c1: one client, bound to the server's processor.</text></svg>")
    (directory / "results.svg").write_text("\n".join(out) + "\n")


def main():
    directory = pathlib.Path(sys.argv[1])
    comparisons = read_comparisons(directory)
    figures = [*ratios(comparisons), *wal(comparisons), *hot_shares(comparisons), *others(directory)]
    figures.sort(key=lambda figure: (int(figure.row.split("-")[0][1:]), figure.row))
    report(directory, comparisons, figures)
    plot(directory, comparisons)


main()
