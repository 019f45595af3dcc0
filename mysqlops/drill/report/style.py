"""The style of a report: one sheet, light and dark, from a phone's width up. No script, no font, nothing fetched."""

SHEET = """
:root { color-scheme: light dark; --paper: #fbfbf9; --card: #ffffff; --ink: #1c2126; --soft: #5c6670; --line: #e3e5e3;
  --accent: #2f6f9f; --accent-soft: #7fb0d3; --good: #2e7d4f; --good-soft: #e2f2e7; --bad: #b3382c; --bad-soft: #fbe6e2;
  --warn: #8a5a00; --warn-soft: #fbf0d6; --gap: #d9534a26; --idle: #c9d3da; --mute: #d98e85; }
@media (prefers-color-scheme: dark) { :root { --paper: #14181b; --card: #1c2125; --ink: #e8ebed; --soft: #9aa5ae;
  --line: #2e353a; --accent: #6fb1de; --accent-soft: #3d6f94; --good: #7bcf9a; --good-soft: #1d3527; --bad: #f08a7e;
  --bad-soft: #40211e; --warn: #e4b65c; --warn-soft: #3a2f17; --gap: #f08a7e2e; --idle: #3c4750; --mute: #8f4a43; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, "Segoe UI", Roboto, sans-serif;
  -webkit-text-size-adjust: 100%; }
main { max-width: 1040px; margin: 0 auto; padding: 28px 20px 56px; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 6px; letter-spacing: -0.01em; overflow-wrap: anywhere; }
h2 { font-size: 1.12rem; margin: 40px 0 10px; }
p { margin: 0 0 10px; }
.soft, figcaption, .note { color: var(--soft); }
.note { font-size: 0.9rem; }
.badge { display: inline-block; padding: 3px 12px; border-radius: 99px; font-weight: 600; font-size: 0.92rem;
  margin: 0 8px 8px 0; }
.badge.good { background: var(--good-soft); color: var(--good); }
.badge.bad { background: var(--bad-soft); color: var(--bad); }
.badge.warn { background: var(--warn-soft); color: var(--warn); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 18px 0 8px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 13px 16px; }
.card .label { color: var(--soft); font-size: 0.86rem; }
.card .value { font-size: 1.6rem; font-weight: 650; line-height: 1.25; font-variant-numeric: tabular-nums; }
.card .value.good { color: var(--good); } .card .value.bad { color: var(--bad); }
.card .more { color: var(--soft); font-size: 0.84rem; font-variant-numeric: tabular-nums; }
.panel { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 14px; margin: 0; }
svg { display: block; width: 100%; height: auto; }
.narrow { display: none; }
@media (max-width: 640px) { .narrow { display: block; } .broad { display: none; } main { padding: 20px 14px 40px; }
  h1 { font-size: 1.5rem; } .panel { padding: 10px 8px; } .cards { grid-template-columns: 1fr 1fr; gap: 8px; }
  .card:first-child { grid-column: 1 / -1; } .card { padding: 10px 12px; } table { font-size: 0.86rem; }
  th, td { padding: 6px 7px !important; } }
.events { display: flex; flex-wrap: wrap; gap: 4px 18px; list-style: none; margin: 8px 0 0; padding: 0 4px;
  font-size: 0.9rem; }
.events b { display: inline-block; min-width: 1.35rem; height: 1.35rem; line-height: 1.35rem; border-radius: 99px;
  background: var(--ink); color: var(--paper); text-align: center; font-size: 0.78rem; margin-right: 6px; }
.key { display: flex; flex-wrap: wrap; gap: 4px 16px; font-size: 0.84rem; color: var(--soft); padding: 8px 4px 0; }
.key i { display: inline-block; width: 12px; height: 12px; border-radius: 3px; margin-right: 6px;
  vertical-align: -1px; }
.grid-of-rounds { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 12px; }
.grid-of-rounds figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 8px 10px; }
.grid-of-rounds svg { height: 52px; }
.grid-of-rounds figcaption { display: flex; justify-content: space-between; font-size: 0.84rem;
  font-variant-numeric: tabular-nums; margin-bottom: 4px; }
.grid-of-rounds strong { color: var(--ink); }
.wide { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
table { border-collapse: collapse; width: 100%; font-size: 0.92rem; font-variant-numeric: tabular-nums; }
th, td { padding: 7px 14px; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
tbody tr:last-child > * { border-bottom: 0; }
.counts { grid-template-columns: repeat(auto-fill, minmax(210px, 1fr)); gap: 0 28px; background: var(--card);
  border: 1px solid var(--line); border-radius: 12px; padding: 8px 16px; }
.counts div { display: flex; justify-content: space-between; gap: 12px; padding: 4px 0; }
.counts dd { white-space: nowrap; font-variant-numeric: tabular-nums; }
th:first-child { text-align: left; white-space: normal; }
thead th { color: var(--soft); font-weight: 550; font-size: 0.86rem; }
tbody th { font-weight: 500; }
code, pre { font: 0.88rem/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px 14px; margin: 0 0 10px;
  white-space: pre-wrap; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: 108px 1fr; gap: 4px 18px; margin: 0;
  font-size: 0.92rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.grid { stroke: var(--line); } .axis { fill: var(--soft); font-size: 12px; } .middle { text-anchor: middle; }
.end { text-anchor: end; } .writes { fill: var(--accent); } .errors, i.errors { fill: var(--bad); }
.gap { fill: var(--gap); } .gap-text { fill: var(--bad); font-size: 14px; font-weight: 650; }
.event { stroke: var(--ink); stroke-dasharray: 2 3; opacity: 0.55; } .event-dot { fill: var(--ink); }
.event-number { fill: var(--paper); font-size: 11px; font-weight: 650; } .takes-writes { fill: var(--good); }
.read-only { fill: var(--idle); } .silent { fill: var(--mute); }
.limit { stroke: var(--bad); stroke-width: 2; }
.median { fill: var(--ink); } .dot { fill: var(--accent); opacity: 0.75; }
"""
