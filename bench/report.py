#!/usr/bin/env python3
"""Writes RESULTS.md, results.svg and growth.svg from what run.sh measured, in the directory that is given."""

import collections
import html
import math
import pathlib
import statistics
import sys

FIELDS = (
    "row a b clients pinned rounds seconds "
    "rate_a p50_a p95_a p99_a p999_a wal_a hot_a rate_b p50_b p95_b p99_b p999_b wal_b hot_b "
    "ratio round_ratio round_min round_max"
).split()

# What each row of two sides is, and the ratio to reach, with 1 and with several clients; None: no goal.
ROWS = {
    "P1": ("validate_session / bare SELECT by primary key", 1.0, 1.0),
    "P1-text": ("as P1, results as text", 1.0, 1.0),
    "P1-cold": ("as P1, connections that never saw the sessions", 0.97, 0.97),
    "P1-asleep": ("as P1, processors that may sleep", None, None),
    "P1-wide": ("as P1, tokens of five times as many sessions", None, None),
    "P1-plpgsql": ("validation in PL/pgSQL / bare SELECT", None, None),
    "P1-roundtrip": ("validate_session / SELECT $1", None, None),
    "P1-trigger": ("validate_session with a trigger on the table / without", None, None),
    "P1-statement": ("validate_session by statement / of the table as it was made", None, None),
    "P2": ("validate_session with activity / original SELECT, UPDATE, long after a checkpoint", 10, 8),
    "P2-checkpoint": ("as P2, a checkpoint before each slice", None, None),
    "P2-asleep": ("as P2, processors that may sleep", None, None),
    "P2-trigger": ("as P1-trigger, activity due at each call", None, None),
    "P2-statement": ("as P1-statement, activity due at each call", None, None),
    "P3": ("validate_session / Redis GET", 0.8, 0.8),
    "P3-asleep": ("as P3, processors that may sleep", None, None),
    "P3-user": ("validate_user / Redis GET", 1.0, 1.0),
    "P3-user-row": ("validate_user / validate_session", None, None),
    "P3-user-limit": ("SELECT $1 / Redis GET", None, None),
    "P3-batch": ("validate_sessions of 100 / Redis MGET of 100", 0.8, 0.8),
    "P3-create": ("create_session / Redis SET, appendfsync always", None, None),
    "P3-everysec": ("create_session / Redis SET, appendfsync everysec", None, None),
    "P4": ("validate_sessions of 100 / validate_session, tokens", 8, 8),
    "P4-1000": ("validate_sessions of 1,000 / validate_session, tokens", None, None),
    "P4-touch": ("touch_sessions of 100 / of one, sessions", None, None),
    "P4-touch-1000": ("touch_sessions of 1,000 / of one, sessions", None, None),
    "P5": ("create_session / count of the user's sessions, INSERT, the same count", 1.5, 1.5),
    "P5-checkpoint": ("as P5, a checkpoint before each slice", None, None),
    "P5-records": ("as P5, without full page images", None, None),
    "P5-gauge": ("create_session / the original's count, INSERT, count of all sessions", 1.5, None),
    "P6": ("refresh_session / the original's SELECT, INSERT, UPDATE", 2, 2),
    "P6-checkpoint": ("as P6, a checkpoint before each slice", None, None),
    "P6-records": ("as P6, without full page images", None, None),
    "P14": ("refresh_session of a session bound by DPoP (ES256) / of an unbound one", 0.6, None),
    "P14-proof": ("validate_session_proof (ES256) / validate_session", None, None),
    "P16": ("validate_session through a PL/Proxy front of four shards / direct", 0.2, 0.2),
    "P16-batch": ("validate_sessions of 100 through such a front / direct", 0.4, 0.4),
    "P16-routed": ("validate_session on four shards of one machine, chosen by the application / on one", 0.9, 0.9),
    "P17": ("sign-in and sign-out, notify on / off", None, None),
}
# Bytes of WAL: of the records alone, and with the full page images that follow a checkpoint. (Without either
# switch the sides would differ by what of their pages was written before.)
WAL_ROWS = {
    "P5-records": ("for each sign-in, without full page images", 0.6),
    "P5-checkpoint": ("for each sign-in, after a checkpoint", 0.6),
    "P6-records": ("for each refresh, without full page images", None),
    "P6-checkpoint": ("for each refresh, after a checkpoint", 0.4),
}

DEAD_ROWS = {
    "list": ("list_user_devices of a user with 120,000 dead sessions / with none", 1.5),
    "sign-ins": ("8,000 sign-ins of one user in one transaction / 4,000", 2.3),
    "imports": ("8,000 imports for one user in one transaction / 4,000", 2.3),
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


PERCENTILES = ("p50", "p95", "p99", "p99.9")


def read_growth(directory):
    """What each side did on each size: the clients and whether they were bound, and then by side and database."""
    found = collections.defaultdict(dict)
    for line in read_lines(directory / "growth.tsv"):
        side, _, database = line[1].partition(":")
        rates = [float(cell) for cell in line[8:]]
        found[int(line[2]), float(line[3])][side, database] = {
            "rates": rates,
            "rate": statistics.median(rates),
            **dict(zip(PERCENTILES, map(float, line[4:8]))),
        }
    return found


def clients_of(entry):
    count = int(entry["clients"])
    text = "1 client" if count == 1 else f"{count} clients"
    return text + ("" if not entry["pinned"] else ", one processor" if count == 1 else ", bound")


def plain(value):
    """A figure with three digits that count."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


class Figure:
    """One line of the table of goals: at_most tells on which side of the goal to be."""

    def __init__(self, row, what, value, goal=None, at_most=False, unit="", note="", case="", spread=None):
        self.row, self.what, self.value, self.goal = row, what, value, goal
        self.at_most, self.unit, self.note = at_most, unit, note
        # Of several figures of the same: which; and the least and the greatest of what it is the median of.
        self.case, self.spread = case, spread

    @property
    def verdict(self):
        if self.goal is None:
            return ""
        reached = self.value <= self.goal if self.at_most else self.value >= self.goal
        return "ahead" if reached else "**behind**"

    def cells(self):
        goal = "" if self.goal is None else f"{'≤' if self.at_most else '≥'} {plain(self.goal)}{self.unit}"
        return [
            self.row,
            self.what + (f"; {self.case}" if self.case else ""),
            f"{plain(self.value)}{self.unit}",
            self.note,
            goal,
            self.verdict,
        ]


def ratios(comparisons):
    for entry in comparisons:
        what, goal_one, goal_many = ROWS[entry["row"]]
        many = entry["clients"] > 1
        spread = f"{entry['round_ratio']:.2f} ({entry['round_min']:.2f} to {entry['round_max']:.2f})"
        yield Figure(
            entry["row"],
            what,
            entry["ratio"],
            goal_many if many else goal_one,
            note=spread,
            case=clients_of(entry),
            spread=(entry["round_min"], entry["round_max"]),
        )


def growth_figures(growth, sizes):
    """P7: a call in a larger database against one in the small."""
    for (clients, pinned), outcomes in growth.items():
        for database in ("usual", "large"):
            if ("validate", database) not in outcomes:
                continue
            last = database == "large" or ("validate", "large") not in outcomes
            rounds = [
                large / small
                for large, small in zip(outcomes["validate", database]["rates"], outcomes["validate", "small"]["rates"])
            ]
            select = outcomes["select", database]["rate"] / outcomes["select", "small"]["rate"]
            yield Figure(
                "P7",
                f"validate_session, {sizes[database]:,} sessions / {sizes['small']:,}",
                outcomes["validate", database]["rate"] / outcomes["validate", "small"]["rate"],
                0.9 if last else None,
                note=f"{statistics.median(rounds):.2f} ({min(rounds):.2f} to {max(rounds):.2f}); "
                f"the bare SELECT: {select:.2f}",
                case=clients_of({"clients": clients, "pinned": pinned}),
                spread=(min(rounds), max(rounds)),
            )


def wal(comparisons):
    for entry in comparisons:
        if entry["row"] in WAL_ROWS:
            what, goal = WAL_ROWS[entry["row"]]
            yield Figure(
                entry["row"],
                f"bytes of WAL {what}",
                entry["wal_a"] / entry["wal_b"],
                goal,
                True,
                note=f"{plain(entry['wal_a'])} / {plain(entry['wal_b'])} bytes",
            )


def hot_shares(comparisons):
    for row, what in (("P2", "activity writes"), ("P6", "refreshes")):
        for entry in comparisons:
            if entry["row"] == row and entry["hot_a"] >= 0:
                yield Figure(
                    "P9",
                    f"HOT share of {what}",
                    entry["hot_a"] * 100,
                    95,
                    case=clients_of(entry),
                    unit=" %",
                    note=f"the original's updates: {max(entry['hot_b'], 0) * 100:.0f} %",
                )


class Memory:
    """What one function left behind in one backend."""

    def __init__(self, line):
        self.name, self.outcome = line[:2]
        self.calls, before, _, after, contexts_before, _, contexts_after = map(int, line[2:])
        self.private, self.contexts = after - before, contexts_after - contexts_before


def read_memory(directory):
    return [Memory(line) for line in read_lines(directory / "memory.tsv")]


def memory_figures(memory, expected, wanted):
    for what, outcomes, least in (
        ("successful", ("success",), wanted),
        ("refused or failing", ("refusal", "error", "any"), wanted // 10),
    ):
        probes = [probe for probe in memory if probe.outcome in outcomes]
        if not probes:
            continue
        calls = [probe.calls for probe in probes]
        of_them = (
            f"{sum(count >= least for count in calls)} of {len(calls)} with {least:,} calls, "
            f"the others within the time with {min(calls):,} or more"
        )
        for kind, grown in (("private", "private memory"), ("contexts", "memory contexts")):
            worst = max(probes, key=lambda probe: getattr(probe, kind))
            yield Figure(
                "P11",
                f"growth of a backend's {grown} by {what} calls, the worst",
                getattr(worst, kind) / 1e6,
                1,
                True,
                " MB",
                f"{worst.name}; {of_them}",
            )
    if memory and len(memory) != int(expected[0]):
        yield Figure("P11", "probes that did not succeed", expected[0] - len(memory), 0, True)


def others(directory, calls):
    figures = collections.defaultdict(list)
    for row, name, value in read_lines(directory / "figures.tsv"):
        figures[row, name].append(float(value))

    def of(row, name):
        return statistics.median(figures[row, name])

    if ("P8", "session_service.sessions") in figures:
        ours, original = of("P8", "session_service.sessions"), of("P8", "original.sessions")
        devices = of("P8", "session_service.devices")
        yield Figure(
            "P8",
            "bytes on disk for each session, indexes included: sessions",
            ours / original,
            0.7,
            True,
            note=f"{plain(ours)} / {plain(original)} bytes",
        )
        yield Figure(
            "P8",
            "the same with devices, which the original does not have",
            (ours + devices) / original,
            note=f"{plain(ours)} + {plain(devices)} / {plain(original)} bytes",
        )
        events, users = of("P8", "session_service.events"), of("P8", "session_service.users")
        yield Figure(
            "P8",
            "the same with users and events (one of each new device)",
            (ours + devices + users + events) / (original + of("P8", "original.users")),
            note=f"{plain(users)} + {plain(events)} bytes more",
        )
    if ("P10", "cleanup") in figures:
        yield Figure(
            "P10",
            "cleanup_sessions / one plain DELETE, rows a second",
            of("P10", "cleanup") / of("P10", "delete"),
            0.8,
            note=f"{plain(of('P10', 'cleanup'))} / {plain(of('P10', 'delete'))} rows a second",
        )
        yield Figure(
            "P10",
            "p99 of validate_session during cleanup / idle",
            of("P10", "p99-busy") / of("P10", "p99-idle"),
            2,
            True,
            note=f"{plain(of('P10', 'rows'))} rows; "
            + "; ".join(
                f"{share} {plain(of('P10', share + '-busy'))} / {plain(of('P10', share + '-idle'))} µs"
                for share in PERCENTILES
            ),
        )
        yield Figure(
            "P10",
            "cleanup_sessions meanwhile / alone, rows a second",
            of("P10", "cleanup-busy") / of("P10", "cleanup"),
            note=f"{plain(of('P10', 'cleanup-busy'))} / {plain(of('P10', 'cleanup'))} rows a second",
        )
    yield from memory_figures(read_memory(directory), figures["P11", "probes"], calls)
    if ("P12", "validate_session, first") in figures:
        more = of("P12", "validate_session, first") - of("P12", "validate_session, second")
        bare = of("P12", "bare SELECT, first") - of("P12", "bare SELECT, second")
        yield Figure(
            "P12",
            "first call of a new connection beyond the second",
            more / 1000,
            5,
            True,
            " ms",
            f"the bare SELECT: {plain(bare / 1000)} ms",
        )
    if ("P13", "large") in figures:
        yield Figure(
            "P13",
            f"two tokens of {of('P13', 'bytes') / 1e9:.2g} GB are refused, statement included",
            of("P13", "large"),
            10,
            True,
            " ms",
        )
        yield Figure(
            "P13",
            "a malformed token is refused, making it and the row of the loop included",
            of("P13", "malformed"),
            20,
            True,
            " µs",
        )
    if ("P18", "ended") in figures:
        rows = plain(of("P18", "rows-large"))
        yield Figure(
            "P18",
            f"list_sessions, a page of 100 among {rows} sessions / among {plain(of('P18', 'rows-small'))}",
            of("P18", "page-large") / of("P18", "page-small"),
            1.5,
            True,
            note=f"{plain(of('P18', 'page-large'))} / {plain(of('P18', 'page-small'))} ms",
        )
        yield Figure(
            "P18",
            f"list_sessions that finds none among {rows}, a million sessions",
            of("P18", "all-large") / of("P18", "rows-large") * 1e6,
            unit=" ms",
        )
        yield Figure(
            "P18",
            "memory of a backend after that, beyond that after the small table",
            (of("P18", "memory-large") - of("P18", "memory-small")) / 1024,
            1,
            True,
            " MB",
        )
        yield Figure("P18", "revoke_sessions of 10,000", of("P18", "ended"), unit=" ms")
    for what in "list", "sign-ins", "imports":
        if ("P15", what + "-many") in figures:
            many, few = of("P15", what + "-many"), of("P15", what + "-few")
            yield Figure(
                "P15", DEAD_ROWS[what][0], many / few, DEAD_ROWS[what][1], True, note=f"{plain(many)} / {plain(few)} ms"
            )


def markdown_table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def short(side):
    """A side without where it is."""
    name, _, where = side.partition(":")
    return name + (f" ({where})" if "/" not in where and where != "usual" else "")


def growth_table(growth, sizes):
    rows = []
    for (clients, pinned), outcomes in growth.items():
        for (side, database), outcome in outcomes.items():
            smallest = outcomes[side, "small"]
            rows.append(
                [
                    clients_of({"clients": clients, "pinned": pinned}),
                    {"validate": "validate_session", "select": "bare SELECT"}[side],
                    f"{sizes[database]:,}",
                    plain(outcome["rate"]),
                    f"{outcome['rate'] / smallest['rate']:.2f}",
                ]
                + [plain(outcome[share]) for share in PERCENTILES]
            )
    first = rows[0][0]
    rows.sort(key=lambda row: (row[0] != first, row[1] != "validate_session"))
    return markdown_table(
        ["clients", "call", "sessions", "a second", "of the smallest's"] + [share + " µs" for share in PERCENTILES],
        rows,
    )


def memory_table(memory):
    """The largest first; what grew little is folded away."""
    rows = [
        [
            probe.name,
            probe.outcome.replace("any", "refusal or error"),
            f"{probe.calls:,}",
            f"{probe.private:,}",
            f"{probe.contexts:,}",
        ]
        for probe in sorted(memory, key=lambda probe: -probe.private)
    ]
    head = ["call", "outcome", "calls", "private memory, bytes more", "memory contexts, bytes more"]
    return [
        markdown_table(head, rows[:8]),
        "",
        "<details><summary>All of them</summary>",
        "",
        markdown_table(head, rows),
        "",
        "</details>",
        "",
    ]


def report(directory, comparisons, growth, sizes, figures):
    setup = dict(line for line in read_lines(directory / "setup.tsv"))
    goals = [figure for figure in figures if figure.goal is not None]
    behind = [figure for figure in goals if figure.verdict != "ahead"]
    text = [
        "# Results",
        "",
        f"Measured on {setup['date']} by `bench/run.sh{' --quick' if setup['quick'] == 'yes' else ''}`, "
        f"in {float(setup['took']) / 60:.0f} minutes, {float(setup['filling']) / 60:.0f} of them to build and to fill; "
        "[README.md](README.md) tells what each row measures.",
        "",
        f"- PostgreSQL {setup['server']}, shared_buffers {setup['shared_buffers']}"
        + (" in huge pages" if setup["huge_pages"] else "")
        + ", fsync and synchronous_commit on, "
        "autovacuum off while measuring; Redis " + setup["redis"] + ", append-only file.",
        f"- {setup['processors']}, {setup['memory']}, {setup['kernel']}; servers and clients share them. "
        f"Load average of the machine at the start: {setup['load']}.",
        "- The processors "
        + (
            "are kept from going to sleep (`/dev/cpu_dma_latency`), but for the rows that say " "otherwise."
            if setup["awake"]
            else "may go to sleep."
        ),
        "- Sessions in the small, the usual and the large database: "
        + ", ".join(f"{count:,}" for count in sizes.values())
        + (" (0: left out)." if 0 in sizes.values() else "."),
        f"- {setup['rounds']} rounds of {setup['seconds']} s for each side, A B A B …, "
        "of P2 half as many of four times that, of P1-cold half as many of 3 s, of P7 twice as many; "
        "prepared statements, unix sockets; "
        f"{'66,666' if setup['quick'] == 'yes' else '100,000'} tokens drawn at random, "
        "which the connections of those that only read have read before, but for P1-cold.",
        '- "One processor": the client and the server\'s process are bound to the same one, so that a call costs what '
        'it computes. "Bound": the same of each of several, by turns.',
        "",
        f"**{len(goals) - len(behind)} of {len(goals)} figures reach their goal.** "
        + ("These do not:" if behind else "None is behind."),
        "",
    ]
    text += [
        f"- {f.row}, {f.what}{'; ' + f.case if f.case else ''}: {plain(f.value)}{f.unit}, "
        f"{'at most' if f.at_most else 'at least'} {plain(f.goal)}{f.unit} wanted"
        for f in behind
    ]
    text += [
        "",
        "![Ratios against their goals](results.svg)",
        "",
        "## Figures and goals",
        "",
        "Ratios are of medians; beside them the median of the rounds' ratios, the least and the greatest.",
        "",
        markdown_table(["row", "what", "figure", "rounds, or parts", "goal", ""], [f.cells() for f in figures]),
        "",
    ]
    if growth:
        text += [
            "## Growth",
            "",
            "`validate_session` beside the bare SELECT of the same row, in turns over all sizes: what the SELECT loses "
            "from size to size is PostgreSQL's own, longer ways through index and memory.",
            "",
            "![Latency over the number of sessions](growth.svg)",
            "",
            growth_table(growth, sizes),
            "",
        ]
    text += [
        "## Both sides of each comparison",
        "",
        markdown_table(
            ["row", "clients", "A", "a second"]
            + [share + " µs" for share in PERCENTILES]
            + ["B", "a second"]
            + [share + " µs" for share in PERCENTILES],
            [
                [e["row"], clients_of(e)]
                + [
                    cell
                    for side in "ab"
                    for cell in (
                        short(e[side]),
                        plain(e[f"rate_{side}"]),
                        *(plain(e[f"{share.replace('.', '')}_{side}"]) for share in PERCENTILES),
                    )
                ]
                for e in comparisons
            ],
        ),
        "",
    ]
    memory = read_memory(directory)
    if memory:
        text += [
            "## Memory of a backend",
            "",
            "Private memory is what the process has beside shared buffers, contexts what the server's allocator "
            "gave out of it; both as they are after all calls of one backend, "
            "less what they were after its first 2,000.",
            "",
        ]
        text += memory_table(memory)
    (directory / "RESULTS.md").write_text("\n".join(text))


STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 15px; font-weight: 600 } .head { font-weight: 600 }
.small { font-size: 11px; fill: #59636e } .end { text-anchor: end } .middle { text-anchor: middle }
.background { fill: #ffffff } .band { fill: #f6f8fa }
.axis { stroke: #d1d9e0 } .one { stroke: #59636e }
.ahead { fill: #1a7f37; stroke: #1a7f37 } .behind { fill: #bc4c00; stroke: #bc4c00 }
.free { fill: #6e7781; stroke: #6e7781 }
.goal { stroke: #1f2328; stroke-width: 2.5 } .range { stroke-opacity: .4; stroke-width: 5; stroke-linecap: round }
.way { stroke-width: 1.5 } .ours { stroke: #0969da; fill: #0969da } .select { stroke: #8250df; fill: #8250df }
path { fill: none !important; stroke-width: 2 } .dashed { stroke-dasharray: 5 4 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .small { fill: #9198a1 } .background { fill: #0d1117 } .band { fill: #151b23 }
  .axis { stroke: #3d444d } .one { stroke: #9198a1 } .goal { stroke: #e6edf3 }
  .ahead { fill: #3fb950; stroke: #3fb950 } .behind { fill: #f0883e; stroke: #f0883e }
  .free { fill: #9198a1; stroke: #9198a1 }
  .ours { stroke: #4493f8; fill: #4493f8 } .select { stroke: #ab7df8; fill: #ab7df8 }
}
"""


class Drawing:
    """An SVG; text that is not of this program is escaped."""

    def __init__(self, width, height, title):
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            'role="img" aria-labelledby="title">',
            f'<title id="title">{html.escape(title)}</title>',
            f"<style>{STYLE}</style>",
            f'<rect class="background" width="{width}" height="{height}"/>',
        ]
        self.text(16, 26, title, "title")

    def text(self, x, y, text, kind=""):
        self.parts.append(f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{html.escape(text)}</text>')

    def line(self, x1, y1, x2, y2, kind):
        self.parts.append(f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>')

    def dot(self, x, y, kind):
        self.parts.append(f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>')

    def curve(self, points, kind):
        way = " L ".join(f"{x:.1f} {y:.1f}" for x, y in points)
        self.parts.append(f'<path class="{kind}" d="M {way}"/>')

    def band(self, y, width, height):
        self.parts.append(f'<rect class="band" x="0" y="{y:.1f}" width="{width}" height="{height}"/>')

    def write(self, path):
        path.write_text("\n".join([*self.parts, "</svg>"]) + "\n")


def plot_ratios(path, figures):
    """A dot for each ratio on a logarithmic axis, a mark at its goal, and the way between them."""
    groups = collections.defaultdict(list)
    for figure in figures:
        # Bytes and shares have figures of their own in the table.
        if figure.unit == "" and figure.value > 0 and figure.goal != 0:
            groups[figure.row, figure.what].append(figure)
    low, high = math.log2(1 / 16), math.log2(1024)
    left, plot_width, line, width, top = 610, 460, 17, 1160, 84

    def x(ratio):
        return left + plot_width * (min(max(math.log2(ratio), low), high) - low) / (high - low)

    height = top + sum(max(len(cases), 1) * line + 8 for cases in groups.values()) + 34
    drawing = Drawing(width, height, "How the extension compares, and what it should reach")
    drawing.text(
        16,
        46,
        "Dot: the ratio, of medians. Pale: least to greatest round. Upright mark: the goal; "
        "the thin line shows how far it is.",
        "small",
    )
    drawing.text(
        16,
        62,
        "Green reaches its goal, orange does not, grey has none. More is better, except where the goal has a ≤. "
        "Bound: each client and its server process on one processor.",
        "small",
    )
    y = top
    for i, ((row, what), cases) in enumerate(groups.items()):
        block = len(cases) * line + 8
        if i % 2 == 0:
            drawing.band(y, width, block)
        y += block
    for power in range(-4, 11):
        at = x(2.0**power)
        drawing.line(at, top, at, height - 34, "one" if power == 0 else "axis")
        if power % 2 == 0 or power == 0:
            drawing.text(at, height - 18, f"{2 ** power}×" if power >= 0 else f"1/{2 ** -power}", "small middle")
    y = top
    for (row, what), cases in groups.items():
        for n, figure in enumerate(cases):
            middle = y + 4 + line * (n + 0.5)
            if n == 0:
                drawing.text(16, middle + 4, row, "head")
                drawing.text(120, middle + 4, what if len(what) <= 62 else what[:60] + "…")
            drawing.text(left - 12, middle + 4, figure.case.replace("one processor", "bound"), "small end")
            kind = "free" if figure.goal is None else "ahead" if figure.verdict == "ahead" else "behind"
            if figure.spread:
                drawing.line(x(figure.spread[0]), middle, x(figure.spread[1]), middle, kind + " range")
            if figure.goal is not None:
                drawing.line(x(figure.goal), middle, x(figure.value), middle, kind + " way")
                drawing.line(x(figure.goal), middle - 7, x(figure.goal), middle + 7, "goal")
            drawing.dot(x(figure.value), middle, kind)
            drawing.text(
                width - 14,
                middle + 4,
                plain(figure.value)
                + ("" if figure.goal is None else f"  ({'≤' if figure.at_most else '≥'} {plain(figure.goal)})"),
                "small end",
            )
        y += len(cases) * line + 8
    drawing.write(path)


def plot_growth(path, growth, sizes):
    """Latencies over the number of sessions, both axes logarithmic: a panel for each number of clients."""
    panel, margin, top, bottom = 400, 70, 96, 340
    drawing = Drawing(
        margin + len(growth) * (panel + margin), bottom + 56, "Latency of one call over the number of sessions"
    )
    drawing.line(16, 44, 46, 44, "ours way")
    drawing.text(52, 48, "validate_session")
    drawing.line(166, 44, 196, 44, "select way dashed")
    drawing.text(202, 48, "bare SELECT by primary key; lower is better, both axes are logarithmic")
    known = sorted(count for count in sizes.values() if count > 0)
    for i, ((clients, pinned), outcomes) in enumerate(growth.items()):
        left = margin + i * (panel + margin)
        values = [outcome[share] for outcome in outcomes.values() for share in PERCENTILES]
        low, high = math.log10(min(values) * 0.8), math.log10(max(values) * 1.25)

        def x(count):
            return left + (panel - 60) * (math.log10(count) - math.log10(known[0])) / (
                math.log10(known[-1]) - math.log10(known[0])
            )

        def y(value):
            return bottom - (bottom - top) * (math.log10(value) - low) / (high - low)

        drawing.text(left, top - 16, clients_of({"clients": clients, "pinned": pinned}), "head")
        for exponent in range(0, 7):
            for step in (1, 2, 5):
                value = step * 10**exponent
                if low <= math.log10(value) <= high:
                    drawing.line(left, y(value), left + panel - 60, y(value), "axis")
                    drawing.text(left - 8, y(value) + 4, f"{value:,} µs", "small end")
        for count in known:
            drawing.line(x(count), top, x(count), bottom, "axis")
            drawing.text(x(count), bottom + 18, f"{count:,}", "small middle")
        for side, kind in (("select", "select dashed"), ("validate", "ours")):
            for share in PERCENTILES:
                points = sorted(
                    (x(sizes[database]), y(outcomes[side, database][share]))
                    for database in sizes
                    if (side, database) in outcomes
                )
                drawing.curve(points, kind)
                for point in points:
                    drawing.dot(*point, kind.split()[0])
                if side == "validate":
                    drawing.text(left + panel - 52, points[-1][1] + 4, share, "small")
        drawing.text(left + (panel - 60) / 2, bottom + 40, "sessions", "small middle")
    drawing.write(path)


def main():
    directory = pathlib.Path(sys.argv[1])
    comparisons, growth = read_comparisons(directory), read_growth(directory)
    setup = dict(read_lines(directory / "setup.tsv"))
    sizes = dict(zip(("small", "usual", "large"), (int(size) for size in setup["sizes"].split(", "))))
    figures = [
        *ratios(comparisons),
        *wal(comparisons),
        *hot_shares(comparisons),
        *growth_figures(growth, sizes),
        *others(directory, int(setup["calls"])),
    ]
    figures.sort(key=lambda figure: (int(figure.row.split("-")[0][1:]), figure.row))
    report(directory, comparisons, growth, sizes, figures)
    plot_ratios(directory / "results.svg", figures)
    if growth:
        plot_growth(directory / "growth.svg", growth, sizes)


main()
