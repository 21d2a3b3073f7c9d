"""Pieces of HTML pages that need nothing beside them: escaping, tables that sort, pictures inside, one style."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence

_STYLE = """
:root{color-scheme:light}
body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}
h1{font-size:1.7rem;margin-bottom:.2rem}h2{font-size:1.25rem;margin-top:2.4rem}
p,li{max-width:46rem}.quiet{color:#555;font-size:.9rem}
table{border-collapse:collapse;font-size:.88rem;font-variant-numeric:tabular-nums}
.wide{overflow-x:auto;margin:.9rem 0}
th,td{padding:.28rem .65rem;text-align:right;border-bottom:1px solid #ddd;white-space:nowrap}
th:first-child,td:first-child{text-align:left}th{vertical-align:bottom}
td.text,th.text{text-align:left}
thead th{border-bottom:2px solid #444}
th button{font:inherit;font-weight:700;background:none;border:0;padding:0;cursor:pointer;color:inherit;
text-align:inherit}
th[aria-sort=ascending] button:after{content:" \\25B2"}th[aria-sort=descending] button:after{content:" \\25BC"}
th button:focus-visible{outline:2px solid #0072b2}
figure{margin:1rem 0}figure img{max-width:100%;height:auto}figcaption{font-size:.88rem;color:#444;max-width:46rem}
.shots{display:grid;gap:.8rem;grid-template-columns:repeat(auto-fill,minmax(11rem,1fr))}
.shots figure{margin:0}.shots video,.shots img{width:100%;background:#eee}
.ci{color:#666}
.strip{display:flex;gap:.4rem;align-items:center}.strip figure{margin:0;width:6.2rem;text-align:center}
.strip span{width:7.5rem;text-align:left}
.strip figcaption{font-size:.7rem;text-align:center;white-space:nowrap}
@media print{body{margin:0;max-width:none}.shots{grid-template-columns:repeat(4,1fr)}h2{break-after:avoid}
figure,tr{break-inside:avoid}.wide{overflow:visible}#cells{font-size:.6rem}}
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
"""


class Html(str):
    """Text that is markup already; any other is escaped before it comes into the page."""


def text(value: object) -> Html:
    return value if isinstance(value, Html) else Html(html.escape(str(value)))


def words(value: object) -> Html:
    """A cell of words, which stand to the left."""
    return Html(f"<td class=\"text\">{text(value)}</td>")


def table(head: Sequence[object], rows: Iterable[Sequence[object]], attributes: str = "") -> str:
    cells = "".join(cell if cell.startswith("<th") else f"<th>{cell}</th>" for cell in map(text, head))
    lines = ("<tr>" + "".join(cell if cell.startswith("<td") else f"<td>{cell}</td>" for cell in map(text, row))
             + "</tr>" for row in rows)
    return (f"<div class=\"wide\"><table {attributes}><thead><tr>{cells}</tr></thead><tbody>" + "\n".join(lines)
            + "</tbody></table></div>")


def figure(svg: str, caption: str) -> Html:
    return Html(f"<figure><img alt=\"{text(caption)}\" src=\"{data('image/svg+xml', svg.encode())}\">"
                f"<figcaption>{text(caption)}</figcaption></figure>")


def data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def page(title: str, kind: str, body: Iterable[str]) -> str:
    """The whole document."""
    return ("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
            "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
            f"<title>{text(title)} · {text(kind)}</title><style>{_STYLE}</style></head>\n<body>\n"
            + "\n".join(body) + f"\n<script>{_SORT}</script>\n</body></html>\n")
