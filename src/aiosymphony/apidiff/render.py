"""Shows a diff: Markdown to read in a terminal or a review, JSON for programs, HTML to send around."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from html import escape

from .compare import Change, Diff

# In the order in which a maintainer wants to know.
_SECTIONS = [
    ("server", "changed", "Servers moved"),
    ("operation", "removed", "Operations removed"),
    ("operation", "changed", "Operations changed"),
    ("python", "changed", "Names and types in Python changed"),
    ("argument", "removed", "Arguments removed"),
    ("argument", "changed", "Arguments changed"),
    ("argument", "added", "Arguments added"),
    ("body", "removed", "Bodies removed"),
    ("body", "changed", "Bodies changed"),
    ("body", "added", "Bodies added"),
    ("result", "changed", "Results changed"),
    ("error", "changed", "Error answers changed"),
    ("token", "changed", "Tokens changed"),
    ("model", "removed", "Models removed"),
    ("model", "changed", "Models changed"),
    ("field", "removed", "Fields removed"),
    ("field", "changed", "Fields changed"),
    ("enum", "removed", "Enumerations removed"),
    ("enum", "changed", "Enumerations changed"),
    ("value", "removed", "Enumeration values removed"),
    ("operation", "added", "Operations added"),
    ("operation", "deprecated", "Operations deprecated"),
    ("operation", "restored", "Operations no longer deprecated"),
    ("model", "added", "Models added"),
    ("field", "added", "Fields added"),
    ("enum", "added", "Enumerations added"),
    ("value", "added", "Enumeration values added"),
    ("argument", "deprecated", "Arguments deprecated"),
    ("argument", "restored", "Arguments no longer deprecated"),
    ("body", "deprecated", "Bodies deprecated"),
    ("body", "restored", "Bodies no longer deprecated"),
    ("field", "deprecated", "Fields deprecated"),
    ("field", "restored", "Fields no longer deprecated"),
]
_COUNTED = (("operation", "operations"), ("model", "models"), ("field", "fields"), ("value", "enumeration values"))


def verdict(diff: Diff) -> str:
    """The diff in one sentence."""
    if not diff.changes:
        return "Nothing changed."
    breaking = len(diff.breaking)
    if not breaking:
        return f"Nothing breaks: {_many(len(diff.changes), 'change')}, all compatible."
    return f"{_many(breaking, 'breaking change')}, {len(diff.changes) - breaking} compatible."


def to_json(diff: Diff) -> str:
    """The diff as a JSON object: ``old``, ``new``, ``breaking`` (a number), ``changes``, ``deprecated_before``."""
    value = {
        "old": diff.old,
        "new": diff.new,
        "breaking": len(diff.breaking),
        "changes": [asdict(change) | {"severity": change.severity} for change in diff.changes],
        "deprecated_before": diff.deprecated_before,
    }
    return json.dumps(value, indent=2, ensure_ascii=False)


def to_markdown(diff: Diff) -> str:
    """The diff as Markdown."""
    lines = [f"# {diff.old} → {diff.new}", "", f"**{verdict(diff)}**", ""]
    if told := _deprecations(diff):
        lines += [told, ""]
    lines += [f"| {' | '.join(row)} |" for row in _summary(diff)]
    for title, sections in _halves(diff):
        lines += ["", f"## {title}"]
        for heading, changes in sections:
            lines += ["", f"### {heading} ({len(changes)})", ""]
            for group, names in _bare(changes).items():
                lines.append(f"- {f'{_plain(group)}: ' if group else ''}{', '.join(map(_code, names))}")
            for where, members in _told(changes).items():
                lines.append(f"- {_code(where)}: {'; '.join(_tell(c, _code, _plain) for c in members)}")
    return "\n".join(lines) + "\n"


def to_html(diff: Diff) -> str:
    """The diff as one HTML page without other files."""
    parts = [_HEAD.replace("{title}", escape(f"{diff.old} → {diff.new}"))]
    parts.append(f"<h1>{escape(diff.old)} <span>→</span> {escape(diff.new)}</h1>")
    parts.append(f'<p class="verdict {"bad" if diff.breaking else "good"}">{escape(verdict(diff))}</p>')
    if told := _deprecations(diff):
        parts.append(f"<p>{escape(told)}</p>")
    head, _, *rows = _summary(diff)
    parts.append("<table><tr>" + "".join(f"<th>{escape(cell)}</th>" for cell in head) + "</tr>")
    parts += ["<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows]
    parts.append("</table>")
    for title, sections in _halves(diff):
        kind = "bad" if title == _BREAKING else "good"
        parts.append(f'<section class="{kind}"><h2>{escape(title)}</h2>')
        for heading, changes in sections:
            parts.append(f"<details{' open' if kind == 'bad' or len(changes) <= 20 else ''}>")
            parts.append(f"<summary>{escape(heading)} <b>{len(changes)}</b></summary><ul>")
            for group, names in _bare(changes).items():
                listed = ", ".join(f"<code>{escape(name)}</code>" for name in names)
                parts.append(f"<li>{f'<b>{escape(group)}</b> ' if group else ''}{listed}</li>")
            for where, members in _told(changes).items():
                told = "; ".join(_tell(c, _html_code, escape) for c in members)
                parts.append(f"<li><code class=where>{escape(where)}</code> {told}</li>")
            parts.append("</ul></details>")
        parts.append("</section>")
    return "\n".join([*parts, "</main></body></html>", ""])


_BREAKING = "Breaking for callers"
_COMPATIBLE = "Compatible"


def _halves(diff: Diff) -> Iterator[tuple[str, list[tuple[str, list[Change]]]]]:
    for title, breaking in ((_BREAKING, True), (_COMPATIBLE, False)):
        half = [change for change in diff.changes if change.breaking == breaking]
        sections = [
            (heading, found)
            for kind, what, heading in _SECTIONS
            if (found := [change for change in half if (change.kind, change.what) == (kind, what)])
        ]
        if sections:
            yield title, sections


def _deprecations(diff: Diff) -> str:
    """A sentence on the deprecated operations among those that remain; empty if there are none."""
    newly = sum((change.kind, change.what) == ("operation", "deprecated") for change in diff.changes)
    before = len(diff.deprecated_before)
    if not newly + before:
        return ""
    return f"Of the operations that stay, {newly + before} are deprecated: {newly} newly, {before} as before."


def _bare(changes: list[Change]) -> dict[str, list[str]]:
    """Changes that their place says all about, by group."""
    groups: dict[str, list[str]] = {}
    for change in changes:
        if not change.name and not change.detail:
            groups.setdefault(change.group, []).append(change.where)
    return groups


def _told(changes: list[Change]) -> dict[str, list[Change]]:
    """Changes that have more to say, by place, so that those of one model or operation share a line."""
    places: dict[str, list[Change]] = {}
    for change in changes:
        if change.name or change.detail:
            places.setdefault(change.where, []).append(change)
    return places


def _tell(change: Change, code: Callable[[str], str], plain: Callable[[str], str]) -> str:
    return " ".join(filter(None, (code(change.name), plain(change.detail))))


def _summary(diff: Diff) -> list[list[str]]:
    rows = [["", "added", "removed", "changed", "deprecated"], ["---"] * 5]
    for kind, plural in _COUNTED:
        counts = [sum((c.kind, c.what) == (kind, what) for c in diff.changes) for what in rows[0][1:]]
        rows.append([plural, *(str(count) if count else "–" for count in counts)])
    return rows


def _code(text: str) -> str:
    """Text of a document as inline code that cannot end itself."""
    return f"`{_plain(text).replace('`', 'ˋ')}`" if text else ""


def _html_code(text: str) -> str:
    return f"<code>{escape(text)}</code>" if text else ""


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "\\<")


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root { color-scheme: light dark; --text: #1c2330; --dim: #667085; --page: #f6f7f9; --card: #fff; --line: #e4e7ec;
  --bad: #b42318; --good: #067647; }
@media (prefers-color-scheme: dark) { :root { --text: #e4e8ef; --dim: #98a2b3; --page: #12161d; --card: #1b212b;
  --line: #2d3542; --bad: #f97066; --good: #47cd89; } }
body { margin: 0; background: var(--page); color: var(--text); font: 15px/1.55 system-ui, sans-serif; }
main { max-width: 58rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: 1.6rem; margin: 0 0 .5rem; } h1 span { color: var(--dim); }
h2 { font-size: 1.15rem; margin: 0 0 .75rem; }
.verdict { font-size: 1.1rem; font-weight: 600; } .bad > h2, .verdict.bad { color: var(--bad); }
.good > h2, .verdict.good { color: var(--good); }
section { background: var(--card); border: 1px solid var(--line); border-radius: .75rem; }
section { padding: 1.25rem; margin-top: 1.5rem; }
table { border-collapse: collapse; } td, th { padding: .25rem 1rem .25rem 0; text-align: right; font-weight: 400; }
th { color: var(--dim); } td:first-child { text-align: left; color: var(--dim); }
details { border-top: 1px solid var(--line); padding: .6rem 0; } summary { cursor: pointer; font-weight: 600; }
summary b { color: var(--dim); font-weight: 400; }
ul { margin: .5rem 0 0; padding-left: 1.1rem; } li { margin: .2rem 0; }
code { font: .88em ui-monospace, monospace; overflow-wrap: anywhere; } code.where { font-weight: 600; }
</style></head><body><main>
"""
