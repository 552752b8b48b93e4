"""Reports: what they hold, that they agree with each other, and that the page works."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from conformance.cli import main
from conformance.layers import LAYERS
from conformance.recorded import Record, decode, encode
from conformance.report.history import changes
from conformance.report.page import COLUMNS, write_page

Make = Callable[..., str]
WRONG = """
def cos(x, **kwargs):
    return _torch.cos(x, **kwargs) * (1.0 + 1e-3 * (x.dim() == 0))

def exp(x, **kwargs):
    raise NotImplementedError("exp </script> & co")
"""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--virtual-time-budget=4000",
]


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same operators of torch itself and of a library with faults, in every format."""
    folder = tmp_path_factory.mktemp("reports")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        head = "import torch as _torch\n\ndef __getattr__(name):\n    return getattr(_torch, name)\n"
        (folder / "wrong_in_places.py").write_text(head + WRONG)
        arguments = [
            "run",
            "--op",
            "cos,exp,add",
            "--dtype",
            "float32,int64",
            "--samples",
            "3",
            "--jobs",
            "2",
        ]
        good, bad = folder / "good.json", folder / "bad.json"
        assert (
            main([*arguments, "--impl", "torch", "--json", str(good), "--record", str(folder / "record")])
            == 0
        )
        more = ["--json", str(bad), "--junit", str(folder / "bad.xml"), "--html", str(folder / "bad.html")]
        status = main([*arguments, "--impl", "wrong_in_places", *more, "--baseline", str(good)])
        assert status == 1
    return {path.name: path for path in folder.iterdir()}


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_json_says_what_ran_where(reports: dict[str, Path]) -> None:
    good, bad = read(reports["good.json"]), read(reports["bad.json"])
    assert good["schema_version"] == 2 and good["torch_version"].startswith("2.13.0")
    assert good["corpus_hash"] == bad["corpus_hash"] and good["seed"] == 1234
    assert {"platform", "python", "numpy", "processors"} <= set(good["machine"])
    assert all(row["score"] == 1.0 for row in good["layers"].values()) and not good["differences"]
    assert bad["layers"]["forward"]["score"] < 0.7 < bad["layers"]["exists"]["score"]
    assert bad["layers"]["forward"]["coverage"] == pytest.approx(2 / 3)
    assert {row["status"] for row in bad["differences"]} == {"fail", "unsupported"}
    assert any("import torch" in script for script in bad["scripts"].values())


def test_changes_are_seen_both_ways(reports: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = read(reports["good.json"]), read(reports["bad.json"])
    worse, better = changes(good, bad)
    assert ("cos:float32:2", "values") in worse and not better
    assert changes(bad, good) == ([], worse)
    assert main(["diff", str(reports["good.json"]), str(reports["bad.json"])]) == 1
    assert "cos:float32:2  values" in capsys.readouterr().out
    assert main(["diff", str(reports["bad.json"]), str(reports["good.json"])]) == 0


def test_junit_has_a_test_per_case(reports: dict[str, Path]) -> None:
    suite = ElementTree.parse(reports["bad.xml"]).getroot()
    bad = read(reports["bad.json"])
    assert len(suite) == int(suite.attrib["tests"]) == bad["cases"]
    failing = {test.attrib["name"] for test in suite if test.find("failure") is not None}
    assert failing == {row["case"] for row in bad["differences"]}


def test_replay_runs_the_failing_cases_only(
    reports: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = tmp_path / "again.json"
    assert main(["replay", str(reports["bad.json"]), "--impl", "torch", "--json", str(again)]) == 0
    assert read(again)["cases"] == len({row["case"] for row in read(reports["bad.json"])["differences"]})
    script = tmp_path / "kept.py"
    script.write_text(
        "import torch\nprint(torch.ones(2).mul(3), torch.nn.functional.relu(torch.tensor(-1.0)))\n"
    )
    assert main(["replay", str(script), "--impl", "torch"]) == 0
    assert main(["replay", str(script), "--impl", "tinytorch"]) == 0
    assert "1 cases" in capsys.readouterr().out


def test_masks_and_records(reports: dict[str, Path]) -> None:
    assert encode({0: "p", 1: "p", 3: "f"}) == "2p1.1f" and decode("2p1.1f") == "pp.f"
    record = Record(reports["record"])
    assert record.passed("cos", "float32", 2, "values")
    assert not record.passed("cos", "float32", 99, "values")
    assert not record.passed("tan", "float32", 0, "values")


def test_a_lost_pass_fails_a_run_and_a_new_one_does_not(
    library: Make, reports: dict[str, Path], tmp_path: Path
) -> None:
    name = library("losing", WRONG)
    arguments = ["run", "--op", "cos", "--samples", "3", "--impl"]
    assert main([*arguments, name, "--recorded", str(reports["record"])]) == 1
    own = tmp_path / "own"
    assert main([*arguments, name, "--record", str(own)]) == 1
    assert main([*arguments, name, "--recorded", str(own)]) == 0
    assert main([*arguments, "torch", "--recorded", str(own)]) == 0


class Page(HTMLParser):
    """Ids, addresses, the data and the text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.addresses: list[str] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self.inside: str = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = tag
        for name, value in attrs:
            if name == "id" and value:
                self.ids.add(value)
            if name in ("src", "href", "action"):
                self.addresses.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        (self.scripts if self.inside == "script" else self.texts).append(data)


def unpacked(text: str) -> dict[str, Any]:
    """The page's data with names in place of numbers."""
    data: dict[str, Any] = json.loads(text)
    data["differences"] = [
        dict(zip(COLUMNS, (data["texts"][number] for number in row), strict=True))
        for row in data["differences"]
    ]
    data["cells"] = {
        operator: {
            data["dtypes"][int(dtype)]: {
                layer: [cell, cell, "pass", 0] if isinstance(cell, int) else cell
                for layer, cell in zip(data["layers"], row, strict=True)
                if cell
            }
            for dtype, row in rows.items()
        }
        for operator, rows in data["cells"].items()
    }
    return data


def large_report(small: dict[str, Any]) -> dict[str, Any]:
    """672 operators in four forms, 7 dtypes, 20 layers; one cell in twenty has failures, with scripts."""
    dtypes = ["float32", "float64", "bfloat16", "float16", "complex64", "int64", "bool"]
    layers = list(LAYERS)[:20]
    report = {**small, "cells": {}, "differences": [], "scripts": {}, "layers": {}}
    row = next(iter(small["layers"].values()))
    report["layers"] = dict.fromkeys(layers, row)
    for number in range(672 * 4):
        operator = (
            f"nn.functional.operator_{number % 672}"
            + ("", "[method]", "[inplace]", "[out resized]")[number // 672]
        )
        report["cells"][operator] = {}
        for place, dtype in enumerate(dtypes):
            cells = report["cells"][operator][dtype] = {}
            for layer_place, layer in enumerate(layers):
                bad = (number * 7 + place * 3 + layer_place) % 20 == 0
                cells[layer] = [11 if bad else 12, 12, "fail" if bad else "pass"]
                for sample in range(4 if bad else 0):
                    case = f"{operator}:{dtype}:{sample}"
                    detail = f"[0, {number}] 0.41 for 0.14 (allowed 1.2e-07); 3/25 wrong, max error 0.27"
                    report["differences"].append(
                        {"case": case, "operator": operator, "layer": layer, "dtype": dtype}
                        | {"aspect": "values", "status": "fail", "detail": detail}
                    )
                    report["scripts"][case] = "import torch\n" * 60
    return report


# a document of as much as the page's program asks of one, and how long it takes
STAND_IN = """
const start = performance.now(), nodes = [0];
const element = () => { nodes[0]++; const e = {children: [], dataset: {}, style: {}, className: "", textContent: "", value: "", hidden: false,
  classList: {add() {}, remove() {}, toggle() {}}, append(...items) { e.children.push(...items) }, replaceChildren() { e.children = [] },
  setAttribute() {}, insertRow() { const row = element(); e.children.push(row); return row },
  querySelector() { return e.children.find(child => child.title) || null }}; return e };
const known = {}, text = require("fs").readFileSync(process.argv[2], "utf8");
const document = {createElement: element, querySelectorAll: () => [], getElementById: id => {
  if (!known[id]) { known[id] = element(); known[id].tHead = element(); known[id].tBodies = [element()] }
  if (id === "data") known[id].textContent = text;
  return known[id] }};
const location = {hash: ""}, history = {replaceState() {}};
PROGRAM
console.log(JSON.stringify([document.getElementById("shown").textContent, performance.now() - start, nodes[0]]));
"""


def test_a_page_of_everything_is_small_and_fast(reports: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "large.html"
    write_page(path, large_report(read(reports["good.json"])))
    assert path.stat().st_size < 5_000_000
    page = Page(path.read_text())
    assert len(unpacked(page.scripts[0])["cells"]) == 672 * 4
    node = shutil.which("node")
    if node is None:
        pytest.skip("drawing the page takes a browser's engine: there is no Node")
    (tmp_path / "data.json").write_text(page.scripts[0])
    (tmp_path / "page.js").write_text(
        STAND_IN.replace("PROGRAM", page.scripts[1].replace('"use strict";', ""))
    )
    command = [node, str(tmp_path / "page.js"), str(tmp_path / "data.json")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    shown, milliseconds, nodes = json.loads(done.stdout)
    assert shown == "2688 of 2688 operators"
    assert nodes < 60_000, f"too much to draw at once, and it took {milliseconds:.0f} ms"


def test_the_page_is_one_file_and_holds_everything(reports: dict[str, Path]) -> None:
    text = reports["bad.html"].read_text()
    page = Page(text)
    assert page.addresses == [] and not re.search(r"url\(|@import|https?://", text)
    assert len(page.scripts) == 2 and "{{" not in "".join(page.texts)
    data, program = unpacked(page.scripts[0]), page.scripts[1]
    assert set(re.findall(r'\$\("(\w+)"\)', program)) <= page.ids
    assert data["dtypes"] == ["float32", "int64"] and set(data["cells"]) == {"add", "cos", "exp"}
    assert data["cells"]["cos"]["float32"]["forward"] == [2, 3, "fail", -1]
    difference = next(
        row for row in data["differences"] if row["operator"] == "cos" and row["layer"] == "forward"
    )
    assert "import torch" in data["scripts"][difference["case"]]
    assert "98." in text or "66.67" in text, "scores stand in the page without its script"


def test_the_page_works(reports: dict[str, Path], tmp_path: Path) -> None:
    """In a browser where there is one: the rows it draws and the panel it opens. Else the script's syntax, with Node."""
    page = reports["bad.html"]
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        node = shutil.which("node")
        if node is not None:
            (tmp_path / "page.js").write_text(Page(page.read_text()).scripts[1])
            subprocess.run([node, "--check", str(tmp_path / "page.js")], check=True, timeout=60)
        pytest.skip("there is no browser")

    def dom(fragment: str = "") -> str:
        command = [
            browser,
            *FLAGS,
            f"--user-data-dir={tmp_path / 'profile'}",
            "--dump-dom",
            f"file://{page}{fragment}",
        ]
        return subprocess.run(command, capture_output=True, text=True, timeout=120).stdout

    plain = dom()
    assert "3 of 3 operators" in plain and plain.count("<tr>") == 4
    assert "changed-worse" in plain
    opened = dom("#exp|forward")
    assert "exp · forward" in opened and "NotImplementedError: exp &lt;/script&gt; &amp; co" in opened
    assert "1 of 3 operators" in opened and "import torch" in opened


def test_the_page_shows_where_it_is_better(reports: dict[str, Path], tmp_path: Path) -> None:
    write_page(tmp_path / "better.html", read(reports["good.json"]), read(reports["bad.json"]))
    data = unpacked(Page((tmp_path / "better.html").read_text()).scripts[0])
    assert data["cells"]["cos"]["float32"]["forward"] == [3, 3, "pass", 1]
