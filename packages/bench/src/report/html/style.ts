/** How the page looks, by day and by night, and on paper. */

export const STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #5d6672; --line: #d5dae0; --paper: #ffffff; --band: #eef1f4;
  --a: #0b62c4; --b: #c2500a; --good: #17743a; --bad: #b3202b; --open: #8a6100; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ed; --soft: #9aa5b1; --line: #3a424c; --paper: #14181d; --band: #222930;
  --a: #6cb0ff; --b: #ff9d5c; --good: #5fce85; --bad: #ff7b83; --open: #e5b94a; } }
body { margin: 0 auto; padding: 1.5rem; max-width: 56rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 .5rem; } h2 { font-size: 1.15rem; margin: 0 0 .5rem; }
section { border-top: 1px solid var(--line); padding: 1.25rem 0; }
.candidates { margin: 0 0 1.25rem; padding: 0; list-style: none; color: var(--soft); overflow-wrap: anywhere; }
.badge { display: inline-block; padding: 0 .55em; border-radius: 1em; border: 1.5px solid currentColor; font-weight: 600; white-space: nowrap; }
.slower { color: var(--bad); } .faster, .no-worse { color: var(--good); } .cannot-tell, .doubt { color: var(--open); }
.legend { color: var(--soft); white-space: pre-wrap; } .key.a { color: var(--a); } .key.b { color: var(--b); }
.table { overflow-x: auto; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; width: 100%; }
th, td { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child, td.word { text-align: left; } th { color: var(--soft); font-weight: 500; }
tr.judged td:first-child { font-weight: 600; }
svg { display: block; width: 100%; height: auto; margin: .5rem 0; font: 13px system-ui, sans-serif; fill: currentColor; }
svg text { fill: var(--ink); paint-order: stroke; stroke: var(--paper); stroke-width: 3px; stroke-linejoin: round; } svg .note { fill: var(--soft); font-size: 12px; }
.margin { fill: var(--band); } .axis { stroke: var(--soft); } .grid { stroke: var(--line); } .pair { stroke: var(--line); stroke-width: 2; }
.interval { stroke: currentColor; stroke-width: 2.5; } .shown { color: var(--soft); } .judged text { font-weight: 600; }
circle.a { fill: var(--a); } circle.b { fill: var(--b); }
.curve { fill: none; stroke-width: 2; } .curve.a { stroke: var(--a); } .curve.b { stroke: var(--b); }
footer { border-top: 1px solid var(--line); color: var(--soft); font-size: .85rem; }
@media print { body { max-width: none; } section { break-inside: avoid; } }
`;
