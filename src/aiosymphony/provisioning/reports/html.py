"""The report as one HTML page: no script, no image, no font, no address that a browser would fetch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from html import escape

from ...text import visible
from ..journal.states import FINDINGS
from .causes import Cause
from .figures import Figures
from .plots import Axis, Line, duration, plot
from .style import STYLE

__all__ = ["page"]

SHOWN = 100
"""Findings of the audit that are listed; the JSON holds more."""
FIRST = 20
"""Causes that are listed at once; one more step shows the others."""
PRINTED = 5
"""Rows of a cause that are printed on paper; the style leaves out the others."""
PLOTTED = 4
"""Buckets that a plot is made of at least; of fewer, a sentence says as much."""


def page(report: Figures) -> Iterator[str]:
    """The whole page, piece by piece."""
    header = report.header
    title = f"Provisioning {_text(header.input_name)}"
    verdict, css = _verdict(report)
    yield (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style></head><body><header><h1>{title}</h1>"
        f'<p class="soft">to {_text(header.target)}</p><p class="soft">begun {_time(header.made_at)}'
    )
    if report.finished_at:
        yield f", finished {_time(report.finished_at)}"
    yield f', read {_time(report.read_at)}</p><p class="verdict {css}">{escape(verdict)}</p></header><main>'
    yield from _totals(report)
    yield from _section("next", "What to do next", _next(report))
    yield from _section("causes", "Why rows are not done", _causes(report.causes))
    yield from _section("throughput", "Throughput", _throughput(report))
    yield from _section("latency", "Latency", _latency(report))
    yield from _section("audit", "Audit", _audit(report))
    yield from _section("actions", "Actions", _actions(report))
    yield f'</main><footer><p class="soft">Input SHA-256 {escape(header.input_digest)}</p></footer></body></html>'


def _section(name: str, title: str, content: Iterable[str]) -> Iterator[str]:
    """A part of the page under a heading; nothing at all if it has no content."""
    begun = False
    for piece in content:
        if not begun:
            yield f'<section aria-labelledby="{name}"><h2 id="{name}">{title}</h2>'
            begun = True
        yield piece
    if begun:
        yield "</section>"


def _verdict(report: Figures) -> tuple[str, str]:
    if report.running:
        return f"Running: {report.total - report.not_finished:,} of {_rows(report.total)} are finished.", "open"
    match report.exit_code:
        case 0:
            return f"All {report.total:,} rows are done.", "good"
        case 75:
            return f"Not finished: {report.not_finished:,} of {_rows(report.total)} are to do or in flight.", "open"
        case 3:
            return f"Finished; the outcome of {_rows(report.unknown)} is unknown.", "open"
        case _:
            return f"Finished; {report.done:,} of {_rows(report.total)} are done.", "bad"


def _totals(report: Figures) -> Iterator[str]:
    yield '<dl class="tiles">'
    for name, count, css in (
        ("rows", report.total, ""),
        ("done", report.done, "good"),
        ("already correct", report.skipped, ""),
        ("failed", report.failed, "bad"),
        ("unknown", report.unknown, "open"),
        ("not finished", report.not_finished, "open"),
        ("looked up", report.looked_up, ""),
        ("attempts", report.attempts, ""),
    ):
        yield f'<div class="{css if count else ""}"><dt>{name}</dt><dd>{count:,}</dd></div>'
    yield "</dl>"


def _next(report: Figures) -> Iterator[str]:
    yield "<ul>"
    for step in report.next_steps:
        yield f"<li>{_text(step)}</li>"
    yield "</ul>"


def _throughput(report: Figures) -> Iterator[str]:
    if not report.timeline:
        return
    done = sum(bucket.done for bucket in report.timeline)
    rate = f": {done / report.seconds:,.3g} rows per second" if report.seconds >= 1 else ""
    pauses = f", {len(report.pauses):,} pauses left out" if len(report.pauses) > 1 else ", a pause left out"
    yield (
        f"<p>{_rows(done)} were sent and done in {duration(report.seconds)}{pauses if report.pauses else ''}{rate}.</p>"
    )
    if not _plottable(report):
        return
    points = [(bucket.at + bucket.seconds / 2, bucket) for bucket in report.timeline]
    lines = [Line("done", "first", [(at, bucket.rate) for at, bucket in points])]
    if any(bucket.failed for bucket in report.timeline):
        lines.append(Line("not done", "second", [(at, bucket.failed / bucket.seconds) for at, bucket in points]))
    highest = max(bucket.rate for bucket in report.timeline)
    yield _key(lines, "rows per second")
    yield from plot(
        "rate",
        "Rows per second over time",
        f"Up to {highest:,.3g} rows per second were done. The table below has every value.",
        lines,
        _axis(report),
        lambda value: f"{value:,.6g}",
    )
    yield _under(report)
    yield '<details class="on-screen"><summary>Throughput and latency as a table</summary>'
    yield from _table(
        "Throughput and latency",
        ["From", "Lasts", "Done", "Not done", "Done per second", "Median", "95th percentile"],
        (
            [
                _time(bucket.at),
                duration(bucket.seconds),
                f"{bucket.done:,}",
                f"{bucket.failed:,}",
                f"{bucket.rate:,.3g}",
                "" if bucket.median is None else duration(bucket.median),
                "" if bucket.p95 is None else duration(bucket.p95),
            ]
            for bucket in report.timeline
        ),
        numbers=range(1, 7),
    )
    yield "</details>"


def _latency(report: Figures) -> Iterator[str]:
    if not _plottable(report) or all(bucket.median is None for bucket in report.timeline):
        return
    points = [(bucket.at + bucket.seconds / 2, bucket) for bucket in report.timeline]
    lines = [
        Line("median", "first", [(at, bucket.median) for at, bucket in points]),
        Line("95th percentile", "second", [(at, bucket.p95) for at, bucket in points]),
    ]
    medians = [bucket.median for bucket in report.timeline if bucket.median is not None]
    yield "<p>From the mark in the journal to the outcome of a row that did not have to be looked up.</p>"
    yield _key(lines, "")
    yield from plot(
        "latency-plot",
        "Latency over time",
        f"The median lies between {duration(min(medians))} and {duration(max(medians))}. "
        "The table above has every value.",
        lines,
        _axis(report),
        duration,
    )
    yield _under(report)


def _plottable(report: Figures) -> bool:
    return len(report.timeline) >= PLOTTED


def _axis(report: Figures) -> Axis:
    return Axis(report.began_at or 0.0, report.ended_at or 0.0, report.pauses)


def _key(lines: Sequence[Line], unit: str) -> str:
    keys = "".join(f'<span><i class="{line.css}"></i>{line.name}</span>' for line in lines)
    return f'<p class="key">{keys}{unit}</p>'


def _under(report: Figures) -> str:
    left_out = "; pauses are left out" if report.pauses else ""
    return f'<p class="soft under">time at work since {_time(report.began_at or 0.0)}{left_out}</p>'


def _causes(causes: Sequence[Cause]) -> Iterator[str]:
    for number, cause in enumerate(causes[:FIRST]):
        yield from _cause(cause, opened=number == 0 and len(causes) <= 3)
    if others := causes[FIRST:]:
        rows = _rows(sum(cause.count for cause in others))
        yield f"<details><summary>{len(others):,} other causes, of {rows}</summary>"
        for cause in others:
            yield from _cause(cause)
        yield "</details>"


def _cause(cause: Cause, *, opened: bool = False) -> Iterator[str]:
    with_id = any(user_id for _, _, user_id, _ in cause.rows)
    yield (
        f"<details{' open' if opened else ''}><summary><b>{cause.count:,}</b> {_text(cause.headline)}</summary>"
        f"<p>{escape(cause.advice)}</p>"
    )
    yield from _table(
        f"Rows: {cause.headline}",
        ["Line", "User", "Reason", *(["Id"] if with_id else [])],
        (
            [
                str(line or ""),
                _text(label or f"line {line}"),
                _text(message),
                *([_text(user_id or "")] if with_id else []),
            ]
            for line, label, user_id, message in cause.rows
        ),
        css="rows",
    )
    for where, shown in (("paper", PRINTED), ("screen", len(cause.rows))):
        if (more := cause.count - shown) > 0:
            yield f'<p class="soft on-{where}">and {more:,} more, which are in the CSV</p>'
    yield "</details>"


def _audit(report: Figures) -> Iterator[str]:
    audit = report.audit
    if audit is None:
        return
    found_in_all = ", ".join(f"{report.found(kind):,} {kind}" for kind in FINDINGS)
    checked = audit["checked"]
    yield (
        f"<p>{_rows(checked)} that {'is' if checked == 1 else 'are'} done "
        f"{'was' if checked == 1 else 'were'} compared with the tenant at {_time(audit['at'])}: {found_in_all}.</p>"
    )
    for kind, what in (("missing", ""), ("doubled", "Ids"), ("different", "There and wanted")):
        found = audit[kind]
        if not found:
            continue
        yield f"<details><summary><b>{report.found(kind):,}</b> {kind}</summary>"
        yield from _table(
            f"Audit: {kind}",
            ["Line", "User", *([what] if what else [])],
            (
                [str(line or ""), _text(label), *([_detail(rest)] if what else [])]
                for line, label, *rest in found[:SHOWN]
            ),
            css="rows",
        )
        if more := report.found(kind) - min(len(found), SHOWN):
            yield f'<p class="soft">and {more:,} more</p>'
        yield "</details>"


def _detail(rest: list[object]) -> str:
    match rest:
        case [dict() as changes]:
            return "<br>".join(
                f"{_text(name)}: {_text(existing)} → {_text(wanted)}" for name, (existing, wanted) in changes.items()
            )
        case [list() as ids]:
            return _text(", ".join(map(str, ids)))
        case _:
            return ""


def _actions(report: Figures) -> Iterator[str]:
    return _table(
        "Rows by action and state",
        ["Action", "State", "Rows"],
        (
            [escape(action), escape(state.lower().replace("_", " ")), f"{count:,}"]
            for (action, state), count in sorted(report.counts.items())
        ),
        numbers=[2],
    )


def _table(
    caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Sequence[int] = (), css: str = ""
) -> Iterator[str]:
    """A table that scrolls by itself where it is wider or higher than there is room; cells are HTML."""
    number = ['class="number"' if index in numbers else "" for index in range(len(heads))]
    yield (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{_text(caption)}"><table class="{css}"><thead><tr>'
    )
    for index, head in enumerate(heads):
        yield f'<th scope="col" {number[index]}>{head}</th>'
    yield "</tr></thead><tbody>"
    for row in rows:
        yield "<tr>" + "".join(f"<td {number[index]}>{cell}</td>" for index, cell in enumerate(row)) + "</tr>"
    yield "</tbody></table></div>"


def _text(text: object) -> str:
    """Text from outside, as text of the page, with nothing in it that turns its direction."""
    return escape(visible(str(text)))


def _rows(count: int) -> str:
    return f"{count:,} row" if count == 1 else f"{count:,} rows"


def _time(at: float) -> str:
    time = datetime.fromtimestamp(at, UTC)
    return f'<time datetime="{time:%Y-%m-%dT%H:%M:%SZ}">{time:%Y-%m-%d %H:%M:%S} UTC</time>'
