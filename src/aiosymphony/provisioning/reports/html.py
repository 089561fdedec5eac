"""The report as one HTML page: no script, no image, no font, no address that a browser would fetch."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape

from ..journal.states import FINDINGS
from .figures import Cause, Figures
from .plots import Line, plot

__all__ = ["page"]

SHOWN = 100
"""Findings of the audit that are listed; the JSON holds more."""

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #667085; --line: #d9dee7; --paper: #fff; --card: #f6f8fb;
  --good: #14804a; --bad: #b42318; --open: #b54708; --blue: #1f5fbf; --orange: #c2560c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --soft: #98a2b3; --line: #344054; --paper: #12161d;
  --card: #1b212b; --good: #47cd89; --bad: #f97066; --open: #fdb022; --blue: #7ab0ff; --orange: #ff9c66; } }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 0 auto;
  max-width: 60rem; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2.2rem 0 .6rem; }
p { margin: .3rem 0; } .soft { color: var(--soft); }
.verdict { font-weight: 600; } .good { color: var(--good); } .bad { color: var(--bad); } .open { color: var(--open); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(7.5rem, 1fr)); gap: .6rem; margin: 1.2rem 0; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .6rem .8rem; }
.tile b { display: block; font-size: 1.5rem; font-variant-numeric: tabular-nums; line-height: 1.2; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top;
  overflow-wrap: anywhere; }
th { color: var(--soft); font-weight: 500; } td.number, th.number { text-align: right; padding-right: 1rem;
  font-variant-numeric: tabular-nums; white-space: nowrap; }
details { border: 1px solid var(--line); border-radius: .5rem; margin: .5rem 0; padding: .5rem .8rem; }
summary { cursor: pointer; } summary b { font-variant-numeric: tabular-nums; }
svg { width: 100%; height: auto; background: var(--card); border: 1px solid var(--line); border-radius: .5rem; }
svg text { font: 11px system-ui, sans-serif; fill: var(--soft); } svg .grid { stroke: var(--line); }
polyline { fill: none; stroke-width: 1.8; stroke-linejoin: round; } .rate, .median { stroke: var(--blue); }
.p95 { stroke: var(--orange); } .key { font-size: .85rem; } .key i { display: inline-block; width: 1rem; height: 3px;
  vertical-align: middle; margin: 0 .3rem 0 .8rem; } .key .rate, .key .median { background: var(--blue); }
.key .p95 { background: var(--orange); }
"""


def page(report: Figures) -> str:
    """The whole page."""
    header = report.header
    verdict, css = _verdict(report)
    sections = [
        f"<h1>Provisioning {escape(header.input_name)}</h1>",
        f'<p class="soft">to {escape(header.target)}, begun {_time(header.made_at)}'
        + (f", finished {_time(report.finished_at)}" if report.finished_at else "")
        + "</p>",
        f'<p class="verdict {css}">{escape(verdict)}</p>',
        _tiles(report),
        "<h2>What to do next</h2><ul>" + "".join(f"<li>{escape(step)}</li>" for step in report.next_steps) + "</ul>",
        _plots(report),
        _causes(report.causes),
        _audit(report),
        _actions(report),
        f'<p class="soft">Input SHA-256 {escape(header.input_digest)}</p>',
    ]
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Provisioning {escape(header.input_name)}</title><style>{_STYLE}</style></head><body>"
        + "".join(sections)
        + "</body></html>"
    )


def _verdict(report: Figures) -> tuple[str, str]:
    match report.exit_code:
        case 0:
            return f"All {report.total} rows are done.", "good"
        case 75:
            return f"Not finished: {report.not_finished} of {report.total} rows are to do or in flight.", "open"
        case 3:
            return f"Finished; {report.unknown} outcomes are unknown.", "open"
        case _:
            return f"Finished; {report.done} of {report.total} rows are done.", "bad"


def _tiles(report: Figures) -> str:
    tiles = [
        ("rows", report.total, ""),
        ("done", report.done, "good"),
        ("already correct", report.skipped, ""),
        ("failed", report.failed, "bad" if report.failed else ""),
        ("unknown", report.unknown, "open" if report.unknown else ""),
        ("not finished", report.not_finished, "open" if report.not_finished else ""),
        ("looked up", report.looked_up, ""),
    ]
    return (
        '<div class="tiles">'
        + "".join(f'<div class="tile {css}"><b>{count:,}</b>{escape(name)}</div>' for name, count, css in tiles)
        + "</div>"
    )


def _plots(report: Figures) -> str:
    buckets = report.timeline
    rate = plot(
        "Rows done per second over time",
        [Line("rows per second", "rate", [(bucket.at, bucket.rate) for bucket in buckets])],
        x_label=_duration,
        y_label=lambda value: f"{value:,.6g}",
    )
    latency = plot(
        "Latency over time",
        [
            Line("median", "median", [(bucket.at, bucket.median) for bucket in buckets]),
            Line("95th percentile", "p95", [(bucket.at, bucket.p95) for bucket in buckets]),
        ],
        x_label=_duration,
        y_label=_duration,
    )
    if not rate:
        return ""
    return (
        f'<h2>Throughput</h2><p class="key"><i class="rate"></i>rows done per second</p>{rate}'
        '<h2>Latency</h2><p class="key"><i class="median"></i>median<i class="p95"></i>95th percentile, '
        f"from the mark in the journal to the outcome of a row that did not have to be looked up</p>{latency}"
    )


def _causes(causes: list[Cause]) -> str:
    if not causes:
        return ""
    parts = ["<h2>Why rows are not done</h2>"]
    for cause in causes:
        rows = "".join(
            f'<tr><td class="number">{line or ""}</td><td>{escape(label)}</td><td>{escape(user_id or "")}</td>'
            f"<td>{escape(message)}</td></tr>"
            for line, label, user_id, message in cause.rows
        )
        more = cause.count - len(cause.rows)
        parts.append(
            f"<details><summary><b>{cause.count:,}</b> {escape(cause.state.lower())}"
            f"{' ' + escape(cause.code) if cause.code else ''}: {escape(cause.message)}</summary>"
            f'<p class="soft">{escape(cause.advice)}</p><table><thead><tr><th class="number">Line</th><th>User</th>'
            f"<th>Id</th><th>Reason</th></tr></thead><tbody>{rows}</tbody></table>"
            + (f'<p class="soft">and {more:,} more, which are in the CSV</p>' if more else "")
            + "</details>"
        )
    return "".join(parts)


def _audit(report: Figures) -> str:
    audit = report.audit
    if audit is None:
        return ""
    found_in_all = ", ".join(f"{report.found(kind):,} {kind}" for kind in FINDINGS)
    checked = f"{audit['checked']:,} users that are done were compared with the tenant at {_time(audit['at'])}"
    parts = [f"<h2>Audit</h2><p>{checked}: {found_in_all}.</p>"]
    for kind, what in (("missing", ""), ("doubled", "Ids"), ("different", "There and wanted")):
        found = audit[kind]
        if not found:
            continue
        rows = "".join(
            f'<tr><td class="number">{line or ""}</td><td>{escape(label)}</td><td>{_detail(rest)}</td></tr>'
            for line, label, *rest in found[:SHOWN]
        )
        parts.append(
            f"<details><summary><b>{report.found(kind):,}</b> {kind}</summary><table><thead><tr>"
            f'<th class="number">Line</th><th>User</th><th>{what}</th></tr></thead>'
            f"<tbody>{rows}</tbody></table></details>"
        )
    return "".join(parts)


def _detail(rest: list[object]) -> str:
    match rest:
        case [dict() as changes]:
            return "<br>".join(
                f"{escape(str(name))}: {escape(str(existing))} → {escape(str(wanted))}"
                for name, (existing, wanted) in changes.items()
            )
        case [list() as ids]:
            return escape(", ".join(map(str, ids)))
        case _:
            return ""


def _actions(report: Figures) -> str:
    rows = "".join(
        f"<tr><td>{escape(action)}</td><td>{escape(state.lower().replace('_', ' '))}</td>"
        f'<td class="number">{count:,}</td></tr>'
        for (action, state), count in sorted(report.counts.items())
    )
    return (
        '<h2>Actions</h2><table><thead><tr><th>Action</th><th>State</th><th class="number">Rows</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _duration(seconds: float) -> str:
    if seconds == 0:
        return "0"
    if seconds < 1:
        return f"{seconds * 1000:.3g} ms"
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 7200 else f"{seconds / 3600:.3g} h"
