"""Documents in three dimensions as one SVG picture: panels side by side on one scale, a colour a class."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import product

import numpy as np

from labelloom.cli.output import visible

_INK, _PAPER, _FRAME = "#222222", "#ffffff", "#d0d0d0"
_COLOURS = ("#999999", "#0072b2", "#e69f00", "#56b4e9", "#d55e00", "#cc79a7", "#009e73", "#1b1b1b")
"""By class; told apart by people who see few colours, too."""
_SIDE, _GAP, _TOP, _ROW = 360.0, 24.0, 92.0, 18.0
_RADIUS = 2.2
_AZIMUTH, _ELEVATION = math.radians(-60), math.radians(25)


@dataclass(frozen=True)
class Cloud:
    """Documents at `places` (N, 3), with the class (N,) of each, under a title and a line about them."""

    title: str
    about: str
    places: np.ndarray
    classes: np.ndarray


def projected(places: np.ndarray) -> np.ndarray:
    """(N, 3): how far right, up and near each of `places` (N, 3) lies, seen along parallel lines from one direction."""
    sine, cosine = math.sin(_AZIMUTH), math.cos(_AZIMUTH)
    low, high = math.sin(_ELEVATION), math.cos(_ELEVATION)
    axes = np.array([[-sine, cosine, 0], [-low * cosine, -low * sine, high], [high * cosine, high * sine, low]])
    return np.asarray(places @ axes.T)


def scatter_svg(title: str, clouds: Sequence[Cloud], classes: Sequence[str], note: str = "") -> str:
    """The picture, with a note below the names of the classes.

    All panels have the scale of the farthest document; nearer documents hide farther ones.
    """
    reach = max((float(np.abs(cloud.places).max(initial=0)) for cloud in clouds), default=0) or 1.0
    room = max(_SIDE, *(7.6 * len(line) for cloud in clouds for line in (cloud.title, cloud.about)))
    shown = [place for place in range(len(classes)) if any((cloud.classes == place).any() for cloud in clouds)]
    width = max(_GAP + len(clouds) * (room + _GAP), 2 * _GAP + 9.5 * len(title))
    height = _TOP + _SIDE + 2 * _ROW + _ROW * (len(shown) + bool(note))
    body = [f'<rect width="{width:.0f}" height="{height:.0f}" fill="{_PAPER}"/>']
    body.append(f'<text x="{_GAP}" y="28" font-size="16" font-weight="bold">{escape(visible(title))}</text>')
    for place, cloud in enumerate(clouds):
        body += _panel(cloud, classes, reach, _GAP + place * (room + _GAP))
    for row, kind in enumerate(shown):
        y = _TOP + _SIDE + (row + 1.5) * _ROW
        counts = ", ".join(f"{int((cloud.classes == kind).sum()):,}" for cloud in clouds)
        body.append(f'<circle cx="{_GAP + 6}" cy="{y - 4:.1f}" r="5" fill="{_COLOURS[kind]}"/>')
        body.append(f'<text x="{_GAP + 18}" y="{y:.1f}">{escape(classes[kind])} ({counts})</text>')
    if note:
        y = _TOP + _SIDE + (len(shown) + 1.5) * _ROW
        body.append(f'<text x="{_GAP}" y="{y:.1f}" font-style="italic">{escape(note)}</text>')
    lines = "\n".join(f"  {line}" for line in body)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" font-family="Helvetica, Arial, sans-serif" font-size="13" fill="{_INK}">\n'
        f"{lines}\n</svg>\n"
    )


def _panel(cloud: Cloud, classes: Sequence[str], reach: float, left: float) -> Iterator[str]:
    yield f'<text x="{left:.1f}" y="56" font-weight="bold">{escape(visible(cloud.title))}</text>'
    yield f'<text x="{left:.1f}" y="74">{escape(visible(cloud.about))}</text>'
    scale = _SIDE / 2 / (math.sqrt(3) * reach)  # the farthest corner of the cube, seen from anywhere, is inside

    def at(places: np.ndarray) -> np.ndarray:
        seen = projected(places) * scale
        return np.column_stack([left + _SIDE / 2 + seen[:, 0], _TOP + _SIDE / 2 - seen[:, 1], seen[:, 2]])

    corners = np.array(list(product((-reach, reach), repeat=3)))
    for one, other in product(range(8), repeat=2):
        if one < other and (corners[one] != corners[other]).sum() == 1:
            (x, y, _), (u, v, _) = at(corners[[one, other]])
            yield f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{u:.1f}" y2="{v:.1f}" stroke="{_FRAME}"/>'
    ends = at(np.concatenate([-reach * np.eye(3), reach * np.eye(3)]))
    for (x, y, _), (u, v, _) in zip(ends[:3], ends[3:], strict=True):
        yield f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{u:.1f}" y2="{v:.1f}" stroke="{_INK}" stroke-width="0.7"/>'
    points = at(cloud.places)
    for place in np.argsort(points[:, 2], kind="stable"):
        kind = int(cloud.classes[place])
        circle = f'<circle cx="{points[place, 0]:.1f}" cy="{points[place, 1]:.1f}" r="{_RADIUS}"'
        yield f'{circle} fill="{_COLOURS[kind]}" fill-opacity="0.75"><title>{escape(classes[kind])}</title></circle>'
    for name, (u, v, _) in zip(("PC 1", "PC 2", "PC 3"), ends[3:], strict=True):  # over the documents
        yield f'<text x="{u:.1f}" y="{v - 4:.1f}" font-size="11" text-anchor="middle">{name} = {reach:.2g}</text>'
