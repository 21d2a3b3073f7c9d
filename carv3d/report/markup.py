"""Pieces of HTML pages that need nothing beside them: escaping, tables that sort, pictures inside, one style."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence

_STYLE = """
:root{color-scheme:light dark;--ink:#1a1a1a;--quiet:#555;--paper:#fff;--line:#d5d5d5;--strong:#444;--stage:#eee;
--link:#0b5c8f}
@media (prefers-color-scheme:dark){:root{--ink:#eee;--quiet:#b3b3b3;--paper:#161616;--line:#3c3c3c;--strong:#999;
--stage:#2a2a2a;--link:#7cc4f0}}
body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:var(--ink);
background:var(--paper);overflow-wrap:break-word}
h1{font-size:1.7rem;line-height:1.25;margin-bottom:.2rem}h2{font-size:1.25rem;margin-top:2.4rem}
h1,h2,h3,p,li,figcaption{overflow-wrap:anywhere}
p,li{max-width:46rem}.lead{font-size:1.08rem}.quiet{color:var(--quiet);font-size:.9rem}
a{color:var(--link)}
table{border-collapse:collapse;font-size:.88rem;font-variant-numeric:tabular-nums}
.wide{overflow-x:auto;margin:.9rem 0}
th,td{padding:.28rem .65rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th:first-child,td:first-child{text-align:left}th{vertical-align:bottom}
tbody th{font-weight:400;vertical-align:middle}
td.text,th.text{text-align:left}
thead th{border-bottom:2px solid var(--strong)}
th button{font:inherit;font-weight:700;background:none;border:0;padding:0;min-height:1.5rem;cursor:pointer;
color:inherit;text-align:inherit}
th[aria-sort=ascending] button:after{content:" \\25B2"}th[aria-sort=descending] button:after{content:" \\25BC"}
:focus-visible{outline:2px solid var(--link);outline-offset:1px}
figure{margin:1rem 0}figure img{max-width:100%;height:auto}.figure img{width:38rem}
figcaption,.files{font-size:.88rem;color:var(--quiet);max-width:46rem}.files{margin:.2rem 0 1rem}
.files a{display:inline-block;padding:.15rem .5rem .15rem 0}
.shots{display:grid;gap:.8rem;grid-template-columns:repeat(auto-fill,minmax(11rem,1fr))}
.shots figure{margin:0}.shots video,.shots img{width:100%;background:var(--stage)}.shots .still{display:none}
.ci{color:var(--quiet)}
.strip{display:flex;gap:.4rem;align-items:center}.strip figure{margin:0;width:6.2rem;text-align:center}
.strip span{width:7.5rem;text-align:left}
.strip figcaption{font-size:.7rem;text-align:center;white-space:nowrap}
@media screen and (max-width:40rem){body{margin:1rem auto}
.shots{grid-template-columns:repeat(2,1fr)}}
@media print{:root{color-scheme:light;--ink:#000;--quiet:#333;--paper:#fff;--line:#bbb;--strong:#444;--stage:#eee}
@page{margin:14mm}
body{font-size:10.5pt;margin:0;padding:0;max-width:none}p,li,figcaption{max-width:none}
.shots{display:block}.shots figure{display:inline-block;width:23%;margin:0 1% .6rem 0;vertical-align:top}
.shots .posed{display:none}.shots .still{display:inline}
h1,h2,h3{break-after:avoid}figure,tr,li{break-inside:avoid}thead{display:table-header-group}
.wide{overflow:visible}.files{display:none}.figure img{max-height:230mm;object-fit:contain;object-position:left}
table{width:100%;font-size:8pt}th,td{white-space:normal;padding:.15rem .3rem}
.text,tbody th{overflow-wrap:anywhere;min-width:5em}
.many table{font-size:6.5pt}.many th,.many td{padding:.1rem .18rem}
.strip{flex-wrap:wrap}}
"""

_SORT = """
for(const table of document.querySelectorAll("table.sortable"))table.querySelectorAll("thead th").forEach((th,i)=>{
 th.firstElementChild.addEventListener("click",()=>{
  const up=th.getAttribute("aria-sort")!=="ascending",body=table.tBodies[0],
   key=row=>{const cell=row.cells[i],text=cell.dataset.value??cell.textContent;
    return text!==""&&!isNaN(text)?Number(text):text};
  table.querySelectorAll("th").forEach(other=>other.removeAttribute("aria-sort"));
  th.setAttribute("aria-sort",up?"ascending":"descending");
  [...body.rows].map((row,n)=>[key(row),n,row]).sort(([a,m],[b,n])=>{
   if((a==="")!==(b===""))return a===""?1:-1;
   const order=typeof a===typeof b?(a<b?-1:a>b?1:0):typeof a==="number"?-1:1;
   return (up?order:-order)||m-n}).forEach(([,,row])=>body.append(row))})});
if(matchMedia("(prefers-reduced-motion:reduce)").matches)for(const video of document.querySelectorAll("video")){
 video.autoplay=false;video.pause()}
"""
MANY = 9  # columns of a table from which on its print is small
KINDS = {"svg": "SVG", "pdf": "PDF", "png": "PNG"}  # of a figure's files
TEXT = "\"text\""
WORDS = f"<td class={TEXT}"
FORMS = {"tex": "LaTeX", "md": "Markdown"}  # of a table's files


class Html(str):
    """Text that is markup already; any other is escaped before it comes into the page."""


def text(value: object) -> Html:
    return value if isinstance(value, Html) else Html(html.escape(str(value)))


def words(value: object) -> Html:
    """A cell of words, which stand to the left."""
    return Html(f"{WORDS}>{text(value)}</td>")


def table(head: Sequence[object], rows: Iterable[Sequence[object]], name: str = "", label: str = "",
          sortable: bool = False) -> str:
    """name: of the table on its page, and of its files, which ``carv3d.report.tables`` writes where there is a name.
    label: what it is of, for those who do not see it. The first cell of a row is that row's head."""
    body = [list(map(text, row)) for row in rows]
    left = {i for row in body for i, cell in enumerate(row) if cell.startswith(WORDS)}
    cells = "".join(cell if cell.startswith("<th") else f"<th scope=\"col\"{' class=' * (i in left)}"
                    f"{TEXT * (i in left)}>{cell}</th>" for i, cell in enumerate(map(text, head)))
    lines = ("<tr>" + "".join(cell if cell.startswith("<td") else _cell(cell, i == 0) for i, cell in enumerate(row))
             + "</tr>" for row in body)
    own = (f" id=\"{text(name)}\"" if name else "") + " class=\"sortable\"" * sortable
    return (f"<div class=\"wide{' many' * (len(head) >= MANY)}\" role=\"group\" tabindex=\"0\" "
            f"aria-label=\"{text(label or 'table')}\"><table{own}><thead><tr>{cells}</tr></thead><tbody>"
            + "\n".join(lines) + "</tbody></table></div>" + _files(f"tables/{name}" if name else "", FORMS))


def _cell(content: str, first: bool) -> str:
    return f"<th scope=\"row\">{content}</th>" if first else f"<td>{content}</td>"


def _files(name: str, kinds: dict[str, str]) -> str:
    """Links to what lies beside the page; nothing without a name."""
    links = " ".join(f"<a href=\"{text(name)}.{end}\" aria-label=\"{kind}: {text(name.rpartition('/')[2])}\">{kind}</a>"
                     for end, kind in kinds.items())
    return f"<p class=\"files\">{links}</p>" if name else ""


def figure(svg: str, caption: str, name: str = "") -> Html:
    """name: of its files, without their endings, as seen from the page. The caption's first sentence says to those who
    do not see it what is drawn."""
    return Html("<figure><div class=\"wide figure\" role=\"group\" tabindex=\"0\" aria-label=\"figure\">"
                f"<img alt=\"{text(caption.partition('. ')[0])}\" src=\"{data('image/svg+xml', svg.encode())}\"></div>"
                f"<figcaption>{text(caption)}</figcaption></figure>{_files(name, KINDS)}")


def data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def page(title: str, kind: str, body: Iterable[str]) -> str:
    """The whole document."""
    return ("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
            "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><link rel=\"icon\" href=\"data:,\">"
            f"<title>{text(title)} · {text(kind)}</title><style>{_STYLE}</style></head>\n<body>\n<main>\n"
            + "\n".join(body) + f"\n</main>\n<script>{_SORT}</script>\n</body></html>\n")
