"""One self-contained HTML page: operators by layers, with filters, the differences and what they look like."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Conformance of IMPLEMENTATION</title>
<style>
body { font: 14px/1.4 system-ui, sans-serif; margin: 2rem; color: #1b1b1b; background: #fff }
table { border-collapse: collapse } th, td { padding: 2px 8px; text-align: right; border-bottom: 1px solid #ddd }
th:first-child, td:first-child { text-align: left } thead th { position: sticky; top: 0; background: #fff }
td.good { background: #dff3df } td.some { background: #fff0c8 } td.none { background: #f8d7d7; cursor: pointer }
td.some { cursor: pointer } pre { background: #f4f4f4; padding: 1rem; white-space: pre-wrap } input { padding: 4px }
</style></head><body>
<h1>Conformance of IMPLEMENTATION</h1><p id="about"></p>
<table id="scores"></table>
<p><input id="filter" placeholder="operator" aria-label="filter operators">
<label><input type="checkbox" id="bad"> only differences</label></p>
<pre id="detail">Click a cell to see its differences.</pre>
<table id="matrix"><thead></thead><tbody></tbody></table>
<script>
const data = DATA;
const layers = data.layers;
const text = (tag, value) => { const e = document.createElement(tag); e.textContent = value; return e };
document.getElementById("about").textContent =
  `torch ${data.torch_version}, source ${data.source}, dtype ${data.dtype}: ${data.operators} operators, ${data.cases} cases`;
const scores = document.getElementById("scores");
for (const layer of layers) {
  const row = scores.insertRow();
  row.append(text("td", layer), text("td", layer in data.scores ? (100 * data.scores[layer]).toFixed(2) + " %" : "-"));
}
const head = document.querySelector("#matrix thead").insertRow();
head.append(text("th", "operator"), ...layers.map(layer => text("th", layer)));
const body = document.querySelector("#matrix tbody");
function draw() {
  body.replaceChildren();
  const wanted = document.getElementById("filter").value, only = document.getElementById("bad").checked;
  for (const [operator, cells] of Object.entries(data.matrix)) {
    if (!operator.includes(wanted)) continue;
    if (only && Object.values(cells).every(([good, all]) => good === all)) continue;
    const row = body.insertRow();
    row.append(text("td", operator));
    for (const layer of layers) {
      const cell = text("td", "");
      if (layer in cells) {
        const [good, all] = cells[layer];
        cell.textContent = good + "/" + all;
        cell.className = good === all ? "good" : good ? "some" : "none";
        cell.onclick = () => {
          const rows = data.differences.filter(d => d.operator === operator && d.layer === layer);
          document.getElementById("detail").textContent =
            rows.map(d => `${d.status} ${d.case}\\n    ${d.detail}\\n    python -m conformance show '${d.case}'`).join("\\n");
        };
      }
      row.append(cell);
    }
  }
}
document.getElementById("filter").oninput = draw;
document.getElementById("bad").onchange = draw;
draw();
</script></body></html>
"""


def write_page(path: Path, report: dict[str, Any], before: dict[str, Any] | None = None) -> None:
    text = json.dumps(report).replace("</", "<\\/")
    page = PAGE.replace("IMPLEMENTATION", str(report["implementation"])).replace("DATA;", text + ";")
    path.write_text(page, encoding="utf-8")
