"""A closed surface cut into few charts, each laid flat: what an atlas is packed from.

The faces are parted by which way the surface looks there, bumps averaged away; a small part joins the neighbour with
which it shares most border; each is laid flat as rigidly as possible. Charts with faces that end up mirrored,
stretched or on top of others are cut and laid flat again, until all are sound; then neighbours are joined as long as
that goes well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array, csr_array, diags_array, eye_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

from carv3d.export.atlas import Atlas, in_plane, stretch, texels

BLUR_ROUNDS = 5  # averages of each face's normal with its neighbours', before the faces are parted
LEAST_SHARE = 0.002  # of the surface, below which a part joins a neighbour
FLATTEN_ROUNDS = 10
MOST_STRETCH = 4.0  # ratio of singular values that no face may pass
MEAN_STRETCH = 1.2  # nor a joined chart's mean
REPAIRS = 12  # rounds of cutting charts that are not sound; what is left then goes face by face
FEW = 0.05  # share of a chart's area up to which bad faces are cut out; with more the chart is halved
JOINTS = 16  # rounds of joining charts, each with one neighbour at most
SIDES = np.concatenate([np.eye(3), -np.eye(3)])
FINE, FINEST = 3.0, 2048  # texels for the square root of a chart's faces, and most, a side, to see overlaps with


@dataclass(frozen=True)
class Flat:
    """Charts before they are packed, each in coordinates of its own, of the surface's size. vertex: [U] of the mesh.
    uv: [U,2], world units. faces: [F,3] into these. chart: [F]."""

    vertex: np.ndarray
    uv: np.ndarray
    faces: np.ndarray
    chart: np.ndarray


@dataclass(frozen=True)
class Links:
    """Pairs of faces [P] that share an edge of that length, world units."""

    one: np.ndarray
    other: np.ndarray
    length: np.ndarray

    def parts(self, label: np.ndarray) -> np.ndarray:
        """Faces [F] with equal labels that hang together, numbered from 0."""
        same = label[self.one] == label[self.other]
        return connected_components(self.matrix(same.astype(float), len(label)), directed=False)[1]

    def matrix(self, weight: np.ndarray, count: int) -> csr_array:
        """Symmetric [F,F], without entries where the weight [P] is zero."""
        made = coo_array((np.tile(weight, 2), (np.r_[self.one, self.other], np.r_[self.other, self.one])),
                         shape=(count,) * 2).tocsr()
        made.eliminate_zeros()
        return made

    def grown(self, faces: np.ndarray) -> np.ndarray:
        """A choice of faces [F] with those around it."""
        return faces | (self.matrix(np.ones(len(self.one)), len(faces)) @ faces > 0)


class Sheet:
    """A mesh whose faces are laid flat chart by chart. chart: [F]. place: [F,3,2], where each face's corners lie."""

    def __init__(self, vertices: np.ndarray, faces: np.ndarray):
        self.vertices, self.faces = vertices.astype(np.float64), faces.astype(np.int64)
        corners = self.vertices[self.faces]
        self.middle = corners.mean(1)
        self.across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        self.area = np.linalg.norm(self.across, axis=1)
        self.shape = in_plane(corners)
        self.links = _links(vertices, faces)
        self.chart = segmented(self.across, self.links)
        self.place = np.zeros((len(faces), 3, 2))
        self.lay(np.arange(len(faces)))

    def lay(self, part: np.ndarray) -> None:
        """Lay the faces ``part`` [P], which are whole charts, flat anew."""
        if len(part):
            self.place[part] = laid_flat(self.vertices, self.faces[part], self.shape[part], self.across[part],
                                         self.number(part))

    def number(self, part: np.ndarray) -> np.ndarray:
        """The charts of the faces ``part``, counted from 0."""
        return np.unique(self.chart[part], return_inverse=True)[1].ravel()

    def ratio(self, part: np.ndarray) -> np.ndarray:
        """Of the faces ``part``: see ``stretch``; infinite for those that are mirrored or lie on others."""
        ratio, determinant = stretch(self.shape[part], self.place[part])
        return np.where((determinant <= 0) | overlapping(self.place[part], self.number(part)), np.inf, ratio)

    def repair(self) -> None:
        """Cut the charts that are not sound, and those that come of it, until all are."""
        part = np.arange(len(self.faces))
        for _ in range(REPAIRS):
            bad = np.zeros(len(self.faces), dtype=bool)
            bad[part] = self.ratio(part) > MOST_STRETCH
            if not bad.any():
                return
            part = np.flatnonzero(np.isin(self.chart, self.chart[bad]))
            self.chart = self.links.parts(self.chart * 4 + _halves(self, bad))
            self.lay(part)
        bad = part[self.ratio(part) > MOST_STRETCH]
        self.chart[bad] = self.chart.max() + 1 + np.arange(len(bad))
        self.place[bad] = self.shape[bad]

    def join(self) -> None:
        """Join charts with neighbours, those with the longest common border for their size first, where the whole is
        sound."""
        refused: set[tuple[int, int]] = set()
        for _ in range(JOINTS):
            pairs = _pairs(self, refused)
            if not len(pairs):
                return
            into = np.arange(self.chart.max() + 1)
            into[pairs[:, 1]] = pairs[:, 0]
            part = np.flatnonzero(np.isin(self.chart, pairs))
            before, places = self.chart.copy(), self.place.copy()
            self.chart = into[self.chart]
            self.lay(part)
            ratio, count = self.ratio(part), len(into)
            most = np.full(count, 0.0)
            np.maximum.at(most, self.chart[part], ratio)
            total = np.bincount(self.chart[part], self.area[part] * np.minimum(ratio, 1e6), count)
            mean = total / np.bincount(self.chart[part], self.area[part], count).clip(1e-30)
            undone = (most > MOST_STRETCH) | (mean > MEAN_STRETCH)
            refused |= {(int(a), int(b)) for a, b in pairs[undone[pairs[:, 0]]]}
            back = undone[self.chart]
            self.chart[back], self.place[back] = before[back], places[back]
            fresh = np.isin(self.chart, pairs[~undone[pairs[:, 0]], 0])  # a new number: what was refused may now do
            self.chart[fresh] += self.chart.max() + 1


def make(vertices: np.ndarray, faces: np.ndarray) -> Flat:
    """The charts of a mesh: vertices [V,3], faces [F,3]. No face is mirrored in them, nor stretched by more than
    ``MOST_STRETCH``."""
    sheet = Sheet(vertices, faces)
    sheet.repair()
    sheet.join()
    chart = sheet.number(np.arange(len(faces)))
    key, first, corner = np.unique(sheet.faces + chart[:, None] * len(vertices), return_index=True, return_inverse=True)
    return Flat(key % len(vertices), sheet.place.reshape(-1, 2)[first], corner.reshape(-1, 3), chart)


def _links(vertices: np.ndarray, faces: np.ndarray) -> Links:
    ends = np.sort(np.concatenate([faces[:, [i, (i + 1) % 3]] for i in range(3)]).astype(np.int64), 1)
    edge = ends[:, 0] * len(vertices) + ends[:, 1]
    order = np.argsort(edge, kind="stable")
    pair = np.flatnonzero(np.diff(edge[order]) == 0)
    one, other = order[pair], order[pair + 1]
    length = np.linalg.norm(vertices[ends[one, 0]] - vertices[ends[one, 1]], axis=1)
    return Links(one % len(faces), other % len(faces), np.maximum(length.astype(np.float64), 1e-12))


def segmented(across: np.ndarray, links: Links) -> np.ndarray:
    """The chart [F] of each face, by the one of six directions that its surroundings look towards most. across: [F,3]
    normals, as long as twice the area."""
    count = len(across)
    around = links.matrix(np.ones(len(links.one)), count) + eye_array(count)
    blurred = across
    for _ in range(BLUR_ROUNDS):
        blurred = around @ blurred / 4
    part = links.parts((blurred @ SIDES.T).argmax(1))
    area = np.linalg.norm(across, axis=1)
    while True:
        sizes = np.bincount(part, area)
        joined = _joined(part, sizes, sizes < LEAST_SHARE * area.sum(), links)
        if joined.max() == part.max():
            return joined
        part = joined


def _joined(part: np.ndarray, sizes: np.ndarray, small: np.ndarray, links: Links) -> np.ndarray:
    """With some of the small parts, the smallest first, in the neighbour with which they share most border."""
    one, other = part[links.one], part[links.other]
    border = Links(one, other, links.length).matrix(links.length * (one != other), len(sizes))
    border.sum_duplicates()
    into = np.arange(len(sizes))
    free = np.ones(len(sizes), dtype=bool)
    for each in np.flatnonzero(small)[np.argsort(sizes[small], kind="stable")]:
        row = slice(border.indptr[each], border.indptr[each + 1])
        if free[each] and row.start < row.stop:
            other_part = border.indices[row][border.data[row].argmax()]
            if free[other_part]:
                into[each] = other_part
                free[[each, other_part]] = False
    return np.unique(into[part], return_inverse=True)[1].ravel()


def _halves(sheet: Sheet, bad: np.ndarray) -> np.ndarray:
    """For each face [F] a number, 0 to 3, by which its chart is to be cut: bad faces with those around them, where they
    are few; else in two, across the direction in which the chart's places and normals vary most."""
    chart, area = np.unique(sheet.chart, return_inverse=True)[1].ravel(), sheet.area
    whole = np.bincount(chart, area).clip(1e-30)
    share = np.bincount(chart, area * bad) / whole
    few = (share > 0) & (share < FEW)
    out = sheet.links.grown(bad & few[chart]) & few[chart]
    feature = np.concatenate([sheet.middle, sheet.across / area[:, None].clip(1e-30)], 1)
    feature -= np.stack([np.bincount(chart, area * x) / whole for x in feature.T], 1)[chart]
    extent = np.sqrt(np.bincount(chart, area * np.square(feature[:, :3]).sum(1)) / whole).clip(1e-30)
    feature[:, :3] /= extent[chart, None]
    spread = np.stack([np.stack([np.bincount(chart, area * x * y) for x in feature.T], 1) for y in feature.T], 1)
    axis = np.linalg.eigh(spread)[1][..., -1]
    second = ((feature * axis[chart]).sum(1) > 0) & (share >= FEW)[chart]
    return out + 2 * second


def _pairs(sheet: Sheet, refused: set[tuple[int, int]]) -> np.ndarray:
    """Charts to join [P,2], none twice."""
    links = sheet.links
    one, other = sheet.chart[links.one], sheet.chart[links.other]
    crossing = one != other
    ends = np.sort(np.stack([one, other], 1)[crossing], 1)
    pairs, which = np.unique(ends, axis=0, return_inverse=True)
    shared = np.bincount(which.ravel(), links.length[crossing], len(pairs))
    rim = np.bincount(np.concatenate([one[crossing], other[crossing]]), np.tile(links.length[crossing], 2),
                      sheet.chart.max() + 1)
    order = np.argsort(-shared / np.minimum(rim[pairs[:, 0]], rim[pairs[:, 1]]).clip(1e-30), kind="stable")
    taken: set[int] = set()
    out = []
    for a, b in pairs[order].tolist():
        if a not in taken and b not in taken and (a, b) not in refused:
            taken |= {a, b}
            out.append((a, b))
    return np.array(out, dtype=np.int64).reshape(-1, 2)


def laid_flat(vertices: np.ndarray, faces: np.ndarray, shape: np.ndarray, across: np.ndarray, chart: np.ndarray
              ) -> np.ndarray:
    """Where the corners of faces [F,3] lie, [F,3,2], each chart [F] laid flat as rigidly as possible (Liu et al., "A
    local/global approach to mesh parameterization", 2008): from its projection along its mean normal, faces are turned
    to where their corners are, and corners moved to where the turned faces want them, weighted by cotangents, in turn.
    shape: see ``in_plane``. across: [F,3] normals, as long as twice the area."""
    key, corner = np.unique(faces + chart[:, None] * len(vertices), return_inverse=True)
    corner, vertex, owner = corner.reshape(-1, 3), key % len(vertices), key // len(vertices)
    uv = _projected(vertices[vertex], chart, owner, across)
    weight = _cotangents(shape)
    start, end = corner.ravel(), corner[:, [1, 2, 0]].ravel()
    size = len(key)
    pull = coo_array((np.tile(weight.ravel(), 2), (np.r_[start, end], np.r_[end, start])), shape=(size,) * 2).tocsr()
    held = 1e-9 * weight.max()  # by where they are: a chart could be anywhere
    solver = splu((diags_array(pull.sum(1) + held) - pull).tocsc())
    edge = shape[:, [1, 2, 0]] - shape  # [F,3,2], from each corner to the next
    edge = edge[..., 0] + 1j * edge[..., 1]
    for _ in range(FLATTEN_ROUNDS):
        now = uv[corner[:, [1, 2, 0]]] - uv[corner]
        turn = (weight * edge.conj() * (now[..., 0] + 1j * now[..., 1])).sum(1)
        wanted = (edge * (turn / np.abs(turn).clip(1e-30))[:, None] * weight).ravel()
        sums = [np.bincount(end, part, size) - np.bincount(start, part, size) for part in (wanted.real, wanted.imag)]
        uv = solver.solve(np.stack(sums, 1) + held * uv)
    return uv[corner]


def _projected(points: np.ndarray, chart: np.ndarray, owner: np.ndarray, across: np.ndarray) -> np.ndarray:
    """Points [U,3], along the mean normal of the chart that owns them: [U,2]."""
    normal = np.stack([np.bincount(chart, across[:, axis]) for axis in range(3)], 1)
    normal = normal / np.linalg.norm(normal, axis=1, keepdims=True).clip(1e-30)
    right = np.cross(np.where(np.abs(normal[:, :1]) < 0.9, [[1.0, 0, 0]], [[0, 1.0, 0]]), normal)
    right /= np.linalg.norm(right, axis=1, keepdims=True).clip(1e-30)
    up = np.cross(normal, right)
    return np.stack([(points * right[owner]).sum(1), (points * up[owner]).sum(1)], 1)


def _cotangents(shape: np.ndarray) -> np.ndarray:
    """Of the angle opposite each edge [F,3], edge k from corner k to the next; kept positive, which bars most flips."""
    out = np.empty((len(shape), 3))
    for k in range(3):
        one, two = (shape[:, (k + i) % 3] - shape[:, (k + 2) % 3] for i in range(2))
        sine = np.abs(one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0])
        out[:, k] = ((one * two).sum(1) / sine.clip(1e-30)).clip(0.05, 20)
    return out


def overlapping(place: np.ndarray, chart: np.ndarray) -> np.ndarray:
    """Faces [F] at [F,3,2] that share a texel with another of their chart [F], numbered from 0, each chart drawn into a
    square as fine as it has faces."""
    count = chart.max() + 1
    side = (FINE * np.sqrt(np.bincount(chart, minlength=count))).clip(4, FINEST)
    size = int(np.ceil(side.max())) + 1
    low, high = np.full((count, 2), np.inf), np.full((count, 2), -np.inf)
    np.minimum.at(low, chart, place.min(1))
    np.maximum.at(high, chart, place.max(1))
    scale = side / (high - low).max(1).clip(1e-30) / size
    within = (place - low[chart, None]) * scale[chart, None, None]
    alone = Atlas(np.empty(0), within.reshape(-1, 2), np.arange(3 * len(place)).reshape(-1, 3))
    where, face, share = texels(alone, size)
    clear = share.min(1) > 1e-3  # not on an edge, which two faces share
    where, face = where[clear] + chart[face[clear]] * size**2, face[clear]
    _, again, times = np.unique(where, return_inverse=True, return_counts=True)
    out = np.zeros(len(place), dtype=bool)
    out[face[times[again.ravel()] > 1]] = True
    return out
