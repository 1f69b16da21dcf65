"""Draws a Grafana dashboard from what a Prometheus answers to its queries:

    draw.py DASHBOARD PROMETHEUS_URL MINUTES SCRAPE_INTERVAL NAME

makes NAME-light.png and NAME-dark.png of the last MINUTES. Fails where a query has no answer. It knows what
dashboard.json has: rows, panels of type stat and timeseries, units, legends, stacks, thresholds and mappings of values;
each variable stands for all. Needs Debian's python3-matplotlib.
"""

import json
import math
import re
import sys
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass
from datetime import datetime, timezone

import matplotlib

matplotlib.use("Agg")
import matplotlib.dates
import matplotlib.pyplot as plt
from matplotlib.patches import FancyBboxPatch, Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator
from PIL import Image

THEMES = {
    "light": {
        "page": "#f4f5f5",
        "panel": "#ffffff",
        "border": "#dfe1e5",
        "text": "#24292e",
        "muted": "#5f6670",
        "grid": "#e9ebee",
        "green": "#1a7f4b",
        "red": "#c4162a",
        "series": ["#2f7d32", "#1f60c4", "#d4660a", "#c4162a", "#7a3fb0"],
    },
    "dark": {
        "page": "#111217",
        "panel": "#181b1f",
        "border": "#2c2f36",
        "text": "#e4e6ea",
        "muted": "#a3a8b3",
        "grid": "#292c33",
        "green": "#73bf69",
        "red": "#f2596c",
        "series": ["#73bf69", "#6ea6ff", "#ff9830", "#f2596c", "#b877d9"],
    },
}
# Pixels, at twice their size in the file.
WIDTH, UNIT, GAP, MARGIN, HEAD = 1080, 25, 8, 12, 44
SCALE = 2


# --- what Prometheus answers


@dataclass
class Series:
    legend: str
    times: list
    values: list  # NaN where there is none
    unit: str
    is_on_the_right: bool


class Prometheus:
    def __init__(self, url, minutes, scrape_interval):
        self.url = url
        self.end = int(time.time())
        self.start = self.end - round(minutes * 60)
        self.step = scrape_interval
        self.rate_interval = 4 * scrape_interval  # as Grafana has it

    def answers(self, panel):
        return [series for target in panel["targets"] for series in self.ask(target, panel["fieldConfig"])]

    def ask(self, target, settings):
        expression = target["expr"].replace("$__rate_interval", f"{self.rate_interval}s")
        expression = re.sub(r"\$\w+", ".*", expression)
        question = {"query": expression, "start": self.start, "end": self.end, "step": self.step}
        with urllib.request.urlopen(f"{self.url}/api/v1/query_range?{urllib.parse.urlencode(question)}") as answer:
            found = json.load(answer)["data"]["result"]
        if not found:
            sys.exit(f"no answer to {expression}")
        own = {
            one["id"]: one["value"]
            for override in settings["overrides"]
            if override["matcher"] == {"id": "byFrameRefID", "options": target["refId"]}
            for one in override["properties"]
        }
        unit = own.get("unit", settings["defaults"]["unit"])
        is_on_the_right = own.get("custom.axisPlacement") == "right"
        return [
            Series(legend_of(target, series), *self.filled(series["values"]), unit, is_on_the_right) for series in found
        ]

    def filled(self, values):
        """Times and values, also where there is none."""
        known = {round(float(at) - self.start): float(value) for at, value in values}
        ticks = range(0, self.end - self.start + 1, self.step)
        times = [datetime.fromtimestamp(self.start + tick, timezone.utc) for tick in ticks]
        return times, [known.get(tick, math.nan) for tick in ticks]


def legend_of(target, series):
    return re.sub(r"{{(\w+)}}", lambda label: series["metric"].get(label[1], ""), target["legendFormat"])


# --- how Grafana writes values


def round_values(low, high, unit):
    """Where the axis has marks: KiB and minutes are not counted in tens of what is below them."""
    size = 1
    if unit == "bytes":
        size = 1024 ** max(0, int(math.log(high / 2, 1024)))
    elif unit == "s" and high > 60:
        size = 60
    marks = MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]).tick_values(low / size, high / size)
    return [mark * size for mark in marks if low <= mark * size <= high]


def with_unit(value, unit):
    if unit == "percentunit":
        return f"{value * 100:.3g}%"
    if unit == "bytes":
        power = 0 if value < 1 else min(3, int(math.log(value, 1024)))
        return f"{value / 1024**power:.3g} {('B', 'KiB', 'MiB', 'GiB')[power]}"
    if unit == "s":
        if 0 < value < 1:
            return f"{value * 1000:.3g} ms"
        for size, name in ((86400, "day"), (3600, "hour"), (60, "min")):
            if value >= size:
                number = f"{value / size:.3g}"
                return f"{number} {name}{'' if number == '1' else 's'}"
        return f"{value:.3g} s"
    number = f"{value:.3g}" if value < 1000 else f"{value:,.0f}".replace(",", " ")
    return f"{number} req/s" if unit == "reqps" else number


# --- drawing


class Picture:
    def __init__(self, dashboard, answers, prometheus, theme):
        self.dashboard, self.answers, self.prometheus, self.theme = dashboard, answers, prometheus, theme
        self.height = HEAD + MARGIN + UNIT * max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in dashboard["panels"])
        self.figure = plt.figure(figsize=(WIDTH / 72, self.height / 72), dpi=72 * SCALE, facecolor=theme["page"])
        self.renderer = self.figure.canvas.get_renderer()

    # Everything below counts in pixels, from the top left.

    def text(self, x, y, text, size=11, color="text", **options):
        return self.figure.text(
            x / WIDTH, 1 - y / self.height, text, fontsize=size, color=self.theme.get(color, color), **options
        )

    def width(self, text):
        return text.get_window_extent(self.renderer).width / SCALE

    def box(self, x, y, width, height):
        shape = FancyBboxPatch(
            (x / 72, (self.height - y - height) / 72),
            width / 72,
            height / 72,
            boxstyle="round,pad=0,rounding_size=0.04",
            facecolor=self.theme["panel"],
            edgecolor=self.theme["border"],
            linewidth=0.8,
            transform=self.figure.dpi_scale_trans,
            zorder=-1,
        )
        self.figure.add_artist(shape)

    def draw(self):
        minutes = round((self.prometheus.end - self.prometheus.start) / 60)
        self.text(MARGIN + 2, HEAD / 2 + 2, self.dashboard["title"], 15, va="center", weight="bold")
        variables = [v["label"] for v in self.dashboard["templating"]["list"] if v["type"] == "query"]
        told = "     ".join([f"{label}: All" for label in variables] + [f"Last {minutes} minutes, UTC"])
        self.text(WIDTH - MARGIN - 2, HEAD / 2 + 2, told, 11, "muted", va="center", ha="right")
        for panel in self.dashboard["panels"]:
            at, column = panel["gridPos"], (WIDTH - 2 * MARGIN + GAP) / 24
            x, y = MARGIN + at["x"] * column, HEAD + at["y"] * UNIT
            getattr(self, panel["type"])(panel, x, y, at["w"] * column - GAP, at["h"] * UNIT - GAP)

    def row(self, panel, x, y, width, height):
        self.text(x + 2, y + height / 2, panel["title"], 12.5, va="center", weight="bold")

    def title(self, panel, x, y, width):
        """In lines, where it is too long for one."""
        lines = [""]
        for word in panel["title"].split():
            longer = f"{lines[-1]} {word}".strip()
            probe = self.text(0, 0, longer, 10.5, weight="bold")
            is_too_long = self.width(probe) > width - 20
            probe.remove()
            if is_too_long:
                lines.append(word)
            else:
                lines[-1] = longer
        self.text(x + 10, y + 8, "\n".join(lines), 10.5, va="top", weight="bold", linespacing=1.25)
        return len(lines)

    def stat(self, panel, x, y, width, height):
        self.box(x, y, width, height)
        lines = self.title(panel, x, y, width)
        settings = panel["fieldConfig"]["defaults"]
        (series,) = self.answers[panel["id"]]
        value = next((value for value in reversed(series.values) if not math.isnan(value)), None)
        if value is None:
            sys.exit(f"no value for {panel['title']}")
        color = "green"
        for step in settings.get("thresholds", {}).get("steps", []):
            if step["value"] is None or value >= step["value"]:
                color = step["color"]
        told = with_unit(value, series.unit)
        for mapping in settings.get("mappings", []):
            told = mapping["options"].get(f"{value:g}", {"text": told})["text"]
        self.text(
            x + width / 2, y + height / 2 + 6 * lines + 2, told, 21, color, va="center", ha="center", weight="bold"
        )

    def timeseries(self, panel, x, y, width, height):
        self.box(x, y, width, height)
        self.title(panel, x, y, width)
        settings = panel["fieldConfig"]["defaults"]
        series = self.answers[panel["id"]]
        legend_height = self.legend(series, x, y + height, width)
        left, right, top, bottom = 62, 14, 34, 24 + legend_height
        others = [one for one in series if one.is_on_the_right]
        if others:
            right = left
        axes = self.figure.add_axes(
            (
                (x + left) / WIDTH,
                1 - (y + height - bottom) / self.height,
                (width - left - right) / WIDTH,
                (height - top - bottom) / self.height,
            ),
            facecolor=self.theme["panel"],
        )
        axes.grid(color=self.theme["grid"], linewidth=0.8)
        axes.set_axisbelow(True)
        other_axes = axes.twinx() if others else None
        self.lines(axes, other_axes, settings["custom"], series)
        self.axis(axes, settings, series[0])
        if others:
            self.axis(other_axes, settings, others[0])
        self.thresholds(axes, settings, x + width - right, y + 8)

    def color(self, number):
        return self.theme["series"][number % len(self.theme["series"])]

    def legend(self, series, x, y, width):
        """In lines, from the bottom up. Tells how high they are."""
        lines, used = [[]], 0
        for number, one in enumerate(series):
            text = self.text(0, 0, one.legend, 9.5, "muted", va="center")
            needed = self.width(text) + 30
            if used and used + needed > width - 16:
                lines.append([])
                used = 0
            lines[-1].append((used, text, self.color(number)))
            used += needed
        for number, line in enumerate(lines):
            line_y = y - 13 - 15 * (len(lines) - 1 - number)
            for offset, text, color in line:
                left = x + 12 + offset
                text.set_position(((left + 16) / WIDTH, 1 - line_y / self.height))
                mark = Rectangle(
                    (left / WIDTH, 1 - (line_y + 1.5) / self.height), 11 / WIDTH, 3 / self.height, facecolor=color
                )
                mark.set_transform(self.figure.transFigure)
                self.figure.add_artist(mark)
        return 15 * len(lines) + 4

    def lines(self, axes, other_axes, custom, series):
        is_stacked = custom["stacking"]["mode"] == "normal"
        base = [0.0] * len(series[0].times)
        for number, one in enumerate(series):
            values, color = one.values, self.color(number)
            if is_stacked:
                values = [below + value for below, value in zip(base, values)]
            at = other_axes if one.is_on_the_right else axes
            at.plot(one.times, values, color=color, linewidth=1.4 * custom["lineWidth"], clip_on=False, zorder=3)
            at.fill_between(one.times, base, values, color=color, alpha=custom["fillOpacity"] / 100, linewidth=0)
            if is_stacked:
                base = [below if math.isnan(value) else value for below, value in zip(base, values)]

    def axis(self, axes, settings, series):
        highest = axes.dataLim.y1
        if not math.isfinite(highest) or highest <= 0:
            highest = 1
        axes.set_ylim(settings["min"], settings.get("max", highest * 1.12))
        axes.set_xlim(series.times[0], series.times[-1])
        axes.yaxis.set_major_locator(FixedLocator(round_values(*axes.get_ylim(), series.unit)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: with_unit(value, series.unit)))
        locator = matplotlib.dates.AutoDateLocator(minticks=3, maxticks=6)
        locator.intervald[matplotlib.dates.MINUTELY] = [1, 2, 5, 10, 15, 30]
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(matplotlib.dates.DateFormatter("%H:%M"))
        axes.tick_params(length=0, labelsize=9, labelcolor=self.theme["muted"], pad=5)
        for spine in axes.spines.values():
            spine.set_visible(False)

    def thresholds(self, axes, settings, x, y):
        """A line at each that is in view; one that is not is told beside the title."""
        if settings["custom"].get("thresholdsStyle", {}).get("mode") != "line":
            return
        for step in settings["thresholds"]["steps"]:
            if step["value"] is None:
                continue
            color = self.theme[step["color"]]
            if step["value"] <= axes.get_ylim()[1]:
                axes.axhline(step["value"], color=color, linewidth=1.2, linestyle=(0, (6, 4)), zorder=2)
            else:
                above = with_unit(step["value"], settings["unit"])
                self.text(x, y, f"{step['color']} from {above}", 9.5, color, va="top", ha="right")


def save(figure, name):
    """In 256 colors, which is less than half of the size."""
    figure.savefig(name)
    image = Image.open(name).convert("RGB")
    image.quantize(256, Image.Quantize.LIBIMAGEQUANT, dither=Image.Dither.NONE).save(name, optimize=True)


def main():
    dashboard_file, url, minutes, scrape_interval, name = sys.argv[1:]
    with open(dashboard_file) as file:
        dashboard = json.load(file)
    prometheus = Prometheus(url, float(minutes), int(scrape_interval))
    answers = {panel["id"]: prometheus.answers(panel) for panel in dashboard["panels"] if panel["type"] != "row"}
    plt.rcParams["font.family"] = "DejaVu Sans"
    for theme, colors in THEMES.items():
        picture = Picture(dashboard, answers, prometheus, colors)
        picture.draw()
        save(picture.figure, f"{name}-{theme}.png")


if __name__ == "__main__":
    main()
