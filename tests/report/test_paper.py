"""What a report has for papers: headlines that say what stands behind each number, figures as SVG and PDF, tables as LaTeX
and Markdown, print, phones and dark windows, and what axe-core says of them."""

import base64
import hashlib
import re
import sys
from pathlib import Path

import pytest

from carv3d import cli
from carv3d.report import figures, tables
from carv3d.report.gallery import gallery
from carv3d.report.markup import table, words
from carv3d.report.numbers import Number
from carv3d.report.training_figures import _intervals
from carv3d.runs.folder import Run

sys.path[:0] = [str(Path(__file__).parents[1] / "web"), str(Path(__file__).parent)]
import accessibility  # noqa: E402
import browser  # noqa: E402
import devtools  # noqa: E402
import made_up  # noqa: E402

ODD = ["a_b", "50 %", "#1 & {x}", "$x_{$", "~^\\", "a|b", "`rm`", "<b>", "[0.1, 0.2]", "*x*", "--x---", "-1.5", "x -2", "!",
       "a\"b", "\\textbf{x}", "\\\\", "](http://x)", "&amp;", "100% \\input{/etc/passwd}"]


@pytest.fixture
def sweep(tmp_path):
    return made_up.study(tmp_path)


def report(*paths: Path, out: Path) -> str:
    assert cli.main(["report", *map(str, paths), "--out", str(out)]) == 0
    return (out / "index.html").read_text(encoding="utf-8")


# --- words ------------------------------------------------------------------------------------------------------------

def leads(page: str) -> list[str]:
    return [line.replace("\u00a0", " ") for line in re.findall(r'<p class="lead">(.*?)</p>', page)]


def test_every_bold_number_says_how_many_are_behind_it(sweep, tmp_path):
    said = leads(report(sweep, out=tmp_path / "page"))
    bold = [found for line in said for found in re.findall(r"<b>.*?</b>(?: \(.*?\))?", line)]
    assert len(said) == 4 and len(bold) == 7
    for each in bold:
        assert re.fullmatch(r"<b>[+-]?\d+\.\d\d( dB)?</b> \(95 % interval \S+ to \S+; n = \d+ (pair|state)s: "
                            r"\d prompts, \d seeds?\)", each), each


def test_one_run_has_no_interval_and_says_why(tmp_path):
    made_up.one_run(tmp_path / "run", "loose", "a red mushroom", 0, [])
    page = report(tmp_path / "run", out=tmp_path / "page")
    assert leads(page) == ["When training ends, the PSNR is <b>22.44 dB</b> (n = 1 run; no interval: one prompt, one seed)."]
    captions = re.findall("<figcaption>(.*?)</figcaption>", page)
    assert any("No bands: no line has more than one seed." in each for each in captions)
    assert not any("Bands reach" in each or "95 %" in each for each in captions)


def test_a_caption_speaks_of_intervals_only_where_they_are_drawn(sweep, tmp_path):
    alone, known = Number(1.0, float("nan"), float("nan"), "", 1, 1, 1), Number(1.0, 0.5, 2.0, "", 2, 1, 2)
    assert _intervals([alone], "Bars") == "No intervals: one prompt, one seed."
    assert _intervals([known], "Bars") == "Bars are 95 % intervals."
    assert _intervals([alone, known], "Bars") == "Bars are 95 % intervals, where there is one."
    page = report(sweep, out=tmp_path / "page")
    assert page.count("Bands reach from the lowest seed") == 3 and "No bands" not in page


# --- files ------------------------------------------------------------------------------------------------------------

def test_the_same_report_twice_is_the_same_bytes(sweep, tmp_path):
    def digests(out: Path) -> dict[str, str]:
        report(sweep, out=out)
        return {str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
                for path in out.rglob("*") if path.is_file()}

    first = digests(tmp_path / "a")
    assert first == digests(tmp_path / "b") and len(first) > 30
    pdf = (tmp_path / "a/figures/curve_seconds.pdf").read_bytes()
    assert b"/FontFile2" in pdf and b"/Type3" not in pdf and b"CreationDate" not in pdf
    svg = (tmp_path / "a/figures/curve_seconds.svg").read_text(encoding="utf-8")
    assert ">plain</text>" in svg and "<dc:date>" not in svg and "var(" not in svg


def test_a_figure_on_the_page_follows_its_darkness(sweep, tmp_path):
    page = report(sweep, out=tmp_path / "page")
    for content in re.findall(r'src="data:image/svg\+xml;base64,([^"]*)"', page):
        svg = base64.b64decode(content).decode()
        assert "prefers-color-scheme:dark" in svg and not re.search(r"(fill|stroke): #(000000|ffffff|dddddd)", svg)
    assert figures.for_page("<style></style>fill: #e69f00; stroke: #0072b2").endswith(
        "fill: #e69f00; stroke: var(--blue, #0072b2)")


# --- tables -----------------------------------------------------------------------------------------------------------

def out_of_latex(cell: str) -> str:
    """What LaTeX would set: the opposite of ``tables.in_latex``, for its commands alone; others are an error."""
    names = {"textbackslash": "\\", "textasciitilde": "~", "textasciicircum": "^", "textless": "<", "textgreater": ">",
             "textbar": "|", "textasciigrave": "`"}
    out, rest = "", cell
    tokens = [(r"\$-\$", "-"), (r"\{''\}", "\""), (r"\{([\[\]*])\}", None), (r"\{\}", ""), (r"\\([{}$&#_%])", None)]
    while rest:
        if found := re.match(r"\\([a-z]+)\{\}", rest):
            out += names[found[1]]
        elif hit := next(((found, shown) for pattern, shown in tokens if (found := re.match(pattern, rest))), None):
            found, shown = hit
            out += found[1] if shown is None else shown
        else:
            found = re.match(r"[^\\{}$&#_%~^|<>`\"\[\]*]", rest)
            assert found, f"{rest!r} of {cell!r} is not escaped"
            out += found[0]
        rest = rest[found.end():]
    return out


@pytest.mark.parametrize("name", ODD)
def test_latex_sets_what_the_name_is(name):
    found = tables.in_latex(name)
    assert out_of_latex(found) == name and "--" not in found


@pytest.mark.parametrize("name", ODD)
def test_tables_as_files_hold_what_the_page_does(name, tmp_path):
    """Through the page, and Markdown through a reader of its own."""
    markdown_it = pytest.importorskip("markdown_it")
    html = table(["variant", "score"], [[name, "1.00"], [words(name), "-2.00"]], "odd")
    (found,) = tables.read(f"<main>{html}</main>")
    assert [cell.lines for row in found.rows for cell in row] == [["variant"], ["score"], [name], ["1.00"], [name], ["-2.00"]]
    tables.write(html, tmp_path)
    latex = (tmp_path / "odd.tex").read_text(encoding="utf-8").splitlines()
    assert latex[1:4] == ["\\begin{tabular}{lr}", "\\toprule", "variant & score \\\\"] and latex[-1] == "\\end{tabular}"
    assert out_of_latex(latex[5].removesuffix(" & 1.00 \\\\")) == name
    rendered = markdown_it.MarkdownIt("commonmark").enable("table").parse((tmp_path / "odd.md").read_text(encoding="utf-8"))
    cells = ["".join(child.content for child in token.children or []) for token in rendered if token.type == "inline"]
    assert cells == ["variant", "score", name, "1.00", name, "-2.00"]
    assert all(child.type in ("text", "text_special") for token in rendered for child in token.children or [])


def test_stacked_cells_and_long_tables():
    html = table(["", "x"], [[f"row {i}", "-0.10"] for i in range(41)], "long")
    long = tables.latex(tables.read(html)[0])
    assert "{longtable}{lr}" in long and "\\endhead" in long and long.count("$-$0.10") == 41
    stacked = "<table id=\"s\"><thead><tr><th>a</th></tr></thead><tr><td>1.00<br><span>[0.90, 1.10]</span></td></tr></table>"
    (found,) = tables.read(stacked)
    assert "\\shortstack[l]{1.00 \\\\ {[}0.90, 1.10{]}}" in tables.latex(found)
    assert "| 1.00 \\[0.90, 1.10\\] |" in tables.markdown(found)


def test_two_settings_never_share_a_file():
    from carv3d.report.page import _prefixes

    assert _prefixes(["", "k 1", "K_1", "青", "k 1!"]) == ["", "k_1_", "k_1_1_", "_1_", "k_1_2_"] or (
        len(set(_prefixes(["", "k 1", "K_1", "青", "k 1!"]))) == 5)


# --- in a browser -----------------------------------------------------------------------------------------------------

CUT = """[...document.querySelectorAll("main, main *")].filter(each => {
  const box = each.getBoundingClientRect();
  return box.width && (box.right > innerWidth + 1 || box.left < -1) && (%s || !each.closest(".wide"));
}).map(each => each.outerHTML.slice(0, 120))"""
NEEDED = accessibility.missing()


@pytest.fixture(scope="module")
def tab():
    with devtools.tab() as opened:
        yield opened


@pytest.fixture
def pages(sweep, tmp_path) -> dict[str, Path]:
    """A study's page, one run's, and the gallery of both."""
    made_up.one_run(tmp_path / "run", "loose", "a red mushroom with " + "avery" * 30 + "longword", 0, [])
    for name, path in (("study", sweep), ("run", tmp_path / "run")):
        report(path, out=tmp_path / name)
    (tmp_path / "gallery.html").write_text(gallery("runs", {("run",): Run(tmp_path / "run")}))
    return {"study": tmp_path / "study/index.html", "run": tmp_path / "run/index.html", "gallery": tmp_path / "gallery.html"}


@pytest.mark.skipif(bool(NEEDED), reason=str(NEEDED))
def test_axe_finds_nothing_and_nothing_is_cut(pages, tab):
    """On a desk and on a phone, by day and by night; on paper, where nothing can be scrolled."""
    for name, path in pages.items():
        tab.size(1280, 900, still=True)
        tab.visit(path.as_uri())
        for width, dark in ((1280, False), (1280, True), (390, True), (390, False)):
            tab.size(width, 900, dark, still=True)
            assert accessibility.violations(tab) == [], (name, width, dark)
            assert tab.run(CUT % "false") == [], (name, width)
        if name != "gallery":
            tab.size(688, 1000, media="print")
            assert tab.run(CUT % "true") == [], name
            assert tab.run("[...document.querySelectorAll('.shots video')].every(each => !each.getClientRects().length)")
            assert tab.run("[...document.querySelectorAll('.shots .still')].every(each => each.getClientRects().length)")
    assert tab.said == []


@pytest.mark.skipif(bool(NEEDED), reason=str(NEEDED))
def test_control_axe_sees_what_is_wrong(pages, tab, tmp_path):
    """An image without words, words too pale, and what is wider than a phone and its paper."""
    text = pages["run"].read_text(encoding="utf-8")
    wrong = "<img src=\"data:,\"><p style=\"color:#aaa;background:#fff\">pale</p><div style=\"width:2000px\">wide</div>"
    (tmp_path / "wrong.html").write_text(text.replace("</main>", f"{wrong}</main>"))
    tab.size(390, 900, still=True)
    tab.visit((tmp_path / "wrong.html").as_uri())
    found = accessibility.violations(tab)
    assert {"image-alt", "color-contrast"} == {each.split(" ")[0] for each in found}
    assert any("wide" in each for each in tab.run(CUT % "false"))
    tab.said.clear()


@pytest.mark.skipif(not browser.chromium(), reason="chromium is missing: apt-get install chromium, or CARV3D_CHROMIUM")
def test_it_prints_and_a_video_has_its_picture(pages, tab):
    tab.size(1280, 900)
    tab.visit(pages["study"].as_uri())
    assert tab.printed().startswith(b"%PDF") and tab.run(
        "document.querySelector('video').poster === document.querySelector('video + .still').src")
