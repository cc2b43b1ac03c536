/**
 * How the status page looks: dark and light, as wide as it is given.
 *
 * @module
 */

/** The style sheet. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #f5f6f8; --sheet: #fff; --line: #e1e4ea; --text: #1a1f29; --soft: #5b6475; --dim: #9aa2b1;
  --accent: #1d5fd1; --alarm: #c4232b; --warn: #8f5a00; --warn-sheet: #fff3d6; --live: #1a8f4a;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0f1218; --sheet: #171b23; --line: #282e3a; --text: #e4e8ef; --soft: #98a2b3; --dim: #5f6979;
    --accent: #7ab0ff; --alarm: #ff7b7b; --warn: #f0b955; --warn-sheet: #33280f; --live: #4fd08a;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 90rem; padding: 1rem 1.25rem 2rem; background: var(--page); color: var(--text);
  font: 14px/1.45 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif;
}
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 .75rem; }
header p { margin: 0; color: var(--soft); }
#news { margin-left: auto; }
h1 { font-size: 1.5rem; letter-spacing: -.02em; margin: 0; }
h2 { font-size: 1rem; margin: 1.5rem 0 .5rem; }
h2 small { font-weight: 400; color: var(--soft); margin-left: .5rem; }
main { transition: opacity .2s; }
.live #news::before { content: "\\25cf"; margin-right: .4em; color: var(--live); }
.stale main { opacity: .45; }
.stale #news { color: var(--alarm); font-weight: 600; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .75rem; margin: 1rem 0 0; }
.figure, .scroll, .nothing { background: var(--sheet); border: 1px solid var(--line); border-radius: 8px; }
.figure { padding: .6rem .9rem .7rem; border-top: 3px solid var(--line); }
.figure dt { color: var(--soft); font-size: .85rem; }
.figure dd { margin: 0; font-size: 1.6rem; line-height: 1.25; font-weight: 600; font-variant-numeric: tabular-nums; }
.figure small { display: block; font-size: .85rem; font-weight: 400; color: var(--soft); }
.figure.alarm { border-top-color: var(--alarm); }
.figure.alarm dd { color: var(--alarm); }
.figure.warn { border-top-color: var(--warn); }
.figure.warn small { color: var(--warn); }
.nothing { margin: 0; padding: .7rem .9rem; color: var(--soft); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th {
  text-align: left; font-weight: 500; font-size: .8rem; color: var(--soft); white-space: nowrap;
  padding: .45rem .75rem; border-bottom: 1px solid var(--line);
}
td { padding: .4rem .75rem; vertical-align: baseline; }
th:first-child, td:first-child { padding-left: .9rem; }
tr.rule + tr.rule td, tr.output + tr.rule td { border-top: 1px solid var(--line); }
tr.output td { padding-top: 0; }
:where(tr.output td) { color: var(--soft); }
tr.output .title { padding-left: 1.9rem; }
tr:hover td { background: color-mix(in srgb, var(--accent) 6%, transparent); }
.number { white-space: nowrap; }
.title { overflow-wrap: anywhere; min-width: 15rem; }
.place, .at, .arrow { color: var(--soft); }
.why { display: block; font-size: .8rem; }
.advice { width: 75%; }
.tag {
  display: inline-block; padding: 0 .5em; border-radius: 1em; font-size: .8rem; color: var(--warn);
  background: var(--warn-sheet);
}
td.dim { color: var(--dim); }
td.alarm { color: var(--alarm); font-weight: 600; }
td.warn { color: var(--warn); }
footer { margin-top: 1.5rem; display: flex; gap: 1rem; }
a { color: var(--accent); }
@media (max-width: 46rem) {
  body { padding: .75rem .75rem 1.5rem; }
  .figures { grid-template-columns: repeat(auto-fit, minmax(7.5rem, 1fr)); gap: .5rem; }
  .figure dd { font-size: 1.3rem; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  table, tbody { display: block; }
  tr { display: flex; flex-wrap: wrap; gap: .15rem .9rem; padding: .55rem .9rem; }
  tr.rule + tr.rule, tr.output + tr.rule { border-top: 1px solid var(--line); }
  tr.output { padding-top: 0; padding-left: 1.9rem; }
  tr td, tr.output td, tr.output .title, td:first-child { display: block; padding: 0; border: 0 !important; }
  tr .title { flex: 1 0 100%; min-width: 0; }
  td:not(.title)::before {
    content: attr(data-heading); display: block; font-size: .72rem; font-weight: 400; color: var(--soft);
  }
  td.gap { display: none !important; }
  .advice { width: auto; flex: 1 1 12rem; }
}
`;
