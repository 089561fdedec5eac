"""How the report's page looks: on wide and on narrow screens, light and dark, and on paper."""

from __future__ import annotations

from typing import Final

__all__ = ["STYLE"]

STYLE: Final = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #596273; --line: #d9dee7; --paper: #fff; --card: #f6f8fb;
  --good: #14703f; --bad: #b42318; --open: #9a4a06; --first: #1f5fbf; --second: #c2560c; }
@media screen and (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --soft: #a4aebd; --line: #344054;
  --paper: #12161d; --card: #1b212b; --good: #47cd89; --bad: #f97066; --open: #fdb022; --first: #7ab0ff;
  --second: #ff9c66; } }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 0 auto;
  max-width: 60rem; padding: 2rem 1.25rem 4rem; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .3rem; } h2 { font-size: 1.1rem; margin: 2.2rem 0 .6rem; }
p { margin: .3rem 0; } ul { margin: .3rem 0; padding-left: 1.25rem; } .soft { color: var(--soft); font-size: .9rem; }
.verdict { font-weight: 600; margin-top: .8rem; }
.good { color: var(--good); } .bad { color: var(--bad); } .open { color: var(--open); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(12rem, 1fr)); gap: .6rem; margin: 1.2rem 0; }
.tiles div { display: flex; flex-direction: column-reverse; background: var(--card);
  border: 1px solid var(--line); border-radius: .5rem; padding: .6rem .8rem; }
.tiles dd { font-size: 1.4rem; font-weight: 700; font-variant-numeric: tabular-nums; line-height: 1.2; margin: 0;
  white-space: nowrap; }
.scroll { overflow: auto; max-height: 26rem; margin: .4rem 0; }
header time { white-space: nowrap; } footer { margin-top: 2.5rem; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--soft); font-weight: 500; white-space: nowrap; position: sticky; top: 0; background: var(--paper); }
th.number, td.number { text-align: right; font-variant-numeric: tabular-nums; }
table:not(.rows) :is(th, td), .rows td:first-child { white-space: nowrap; font-variant-numeric: tabular-nums; }
details { border: 1px solid var(--line); border-radius: .5rem; margin: .5rem 0; padding: .5rem .8rem; }
summary { cursor: pointer; } summary b { font-variant-numeric: tabular-nums; }
:focus-visible { outline: 2px solid var(--first); outline-offset: 2px; border-radius: .2rem; }
.plot { display: grid; grid-template-columns: auto 1fr; grid-template-rows: 1.4rem 11rem 1.4rem; column-gap: .5rem; }
.plot svg { grid-area: 2 / 2; width: 100%; height: 100%; background: var(--card); overflow: visible; }
.plot .y { grid-area: 2 / 1; position: relative; width: 3.4rem; } .plot .x { grid-area: 3 / 2; position: relative; }
.plot .breaks { grid-area: 1 / 2; position: relative; }
.plot span { position: absolute; white-space: nowrap; font-size: .75rem; line-height: 1rem; color: var(--soft); }
.plot .y span { right: 0; transform: translateY(-50%); } .plot .x span { top: .3rem; transform: translateX(-50%); }
.plot .x span:first-child { transform: none; }
.plot .breaks span { bottom: .1rem; transform: translateX(-50%); }
.plot :is(path, polyline) { fill: none; stroke-width: 1.8px; stroke-linejoin: round;
  vector-effect: non-scaling-stroke; }
.plot .grid { stroke: var(--line); stroke-width: 1px; } .plot .pause { fill: var(--line); }
.plot .first { stroke: var(--first); } .plot .second { stroke: var(--second); stroke-dasharray: 5 3; }
.plot .dot { stroke-width: 5px; stroke-linecap: round; stroke-dasharray: none; }
.key, .under { font-size: .85rem; } .key span { margin-right: 1rem; } .under { margin-left: 3.9rem; }
.key i { display: inline-block; width: 1.2rem; vertical-align: middle; margin-right: .35rem;
  border-top: 3px solid var(--first); } .key .second { border-top: 3px dashed var(--second); }
.on-paper { display: none; }
@media (max-width: 40rem) {
  body { padding: 1.2rem .9rem 3rem; } .tiles { grid-template-columns: 1fr 1fr; }
  .rows thead { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; }
  .rows tr { display: block; padding: .35rem 0; border-bottom: 1px solid var(--line); }
  .rows td { display: block; padding: 0; border: 0; } .rows td:empty { display: none; }
  .rows td:first-child::before { content: "line "; color: var(--soft); }
}
@media (min-width: 40.01rem), print { .rows td:nth-child(2) { overflow-wrap: break-word; } }
@media print {
  body { font-size: 10pt; max-width: none; padding: 0; } .scroll { max-height: none; overflow: visible; }
  h2, summary { break-after: avoid; } tr, .plot, .tiles div { break-inside: avoid; }
  th { position: static; } details { border: 0; padding: 0; }
  section > details::details-content { content-visibility: visible; block-size: auto; }
  .rows tr:nth-child(n+6) { display: none; } .on-paper { display: block; } .on-screen { display: none; }
  * { print-color-adjust: exact; }
}
"""
