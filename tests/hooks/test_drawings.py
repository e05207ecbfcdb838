"""A picture as text, Mermaid and SVG: what a platform shows is a label there and nothing else."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from biot_provider.hooks import ADAPT_ENTITY, PRE_REQUEST
from biot_provider.hooks.mermaid import MAX_CONFLICTS, mermaid
from biot_provider.hooks.model import Interception, Notification, Picture, Subscriber
from biot_provider.hooks.picture import picture_of
from biot_provider.hooks.svg import svg
from biot_provider.hooks.text import lines

PATIENT = "PATCH/organization/v1/users/patients/{id}"
HOSTILE = (
    '"]; click a0 "javascript:alert(1)"',
    "<script>alert(1)</script>",
    "</text><script>alert(1)</script>",
    "two\nlines\r\n  subgraph x",
    "%%{init: {'securityLevel': 'loose'}}%%",
    "`**bold**` #quot; & &amp; #35;",
    "nul\x00 bell\x07 esc\x1b[31m \ud800 \ufffe \u202e",
    "日本語のプラグイン" * 30,
    "",
)


def picture_with(name: str) -> Picture:
    subscriber = Subscriber(f"plugin {name}", name)
    return picture_of(
        [
            Interception(subscriber, PRE_REQUEST, PATIENT, name, 1),
            Interception(subscriber, PRE_REQUEST, PATIENT, name, 2),
            Interception(subscriber, ADAPT_ENTITY, entity=name, order=1),
            Interception(subscriber, name, name, order=1),
        ],
        [Notification(subscriber, name, name, name)],
        [Subscriber("other", name)],
        notes=[name],
    )


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_leaves_its_label_in_mermaid(name: str) -> None:
    label = r'"[\w /.,:(){}=·…\[\]\-]*(#\d+;[\w /.,:(){}=·…\[\]\-]*)*"'
    shapes = [
        r"flowchart LR",
        rf"  subgraph \w+\[{label}\]",
        r"    direction (LR|TB)",
        rf"    (\w+ (-->|~~~) )?\w+(\[{label}\]|\(\[{label}\]\))(:::\w+)?",
        rf"  \w+\(\[{label}\]\):::platform",
        rf"  \w+ -\.-> \w+\[{label}\](:::\w+)?",
        r"  end",
        r"  classDef [\w:#,\- ]+",
    ]
    for line in mermaid(picture_with(name)):
        assert any(re.fullmatch(shape, line) for shape in shapes), line


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_is_more_than_text_in_svg(name: str) -> None:
    drawing = svg(picture_with(name), name)
    root = ET.fromstring(drawing)
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags <= {"svg", "title", "style", "defs", "marker", "path", "g", "rect", "text", "line"}
    attributes = {name for element in root.iter() for name in element.attrib}
    assert not {name for name in attributes if name.startswith("on") or "href" in name}
    width = float(root.attrib["width"])
    assert all(float(box.get("x", "0")) + float(box.get("width", "0")) <= width for box in root.iter() if box.get("x"))
    if name.isprintable() and name and len(name) < 60:
        assert name in "".join(element.text or "" for element in root.iter())


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_takes_one_line_of_text(name: str) -> None:
    assert all(line.isprintable() for line in lines(picture_with(name)))


def test_a_chart_with_many_conflicts_says_how_many_more_there_are() -> None:
    everyone = [Interception(Subscriber(f"p{n}", f"p{n}"), PRE_REQUEST, f"x{n}", order=1) for n in range(40)]
    chart = list(mermaid(picture_of(everyone, [])))
    assert sum("never runs at" in line for line in chart) == MAX_CONFLICTS
    assert any(f"and {40 - MAX_CONFLICTS} more" in line for line in chart)


def test_a_chart_says_what_it_covers_and_which_permission_is_missing() -> None:
    note = "endpoints: not known, this identity lacks HOOKS_INTERCEPTION_SEARCH"
    chart = list(mermaid(picture_of([], [], notes=["3 hosted plugins", note])))
    place = chart.index('  subgraph t["what this covers"]')
    assert chart[place + 2 : place + 4] == ['    t0["3 hosted plugins"]', f'    t0 ~~~ t1["{note}"]']


def test_the_text_shows_order_condition_and_fault() -> None:
    guard, audit = Subscriber("guard", "guard"), Subscriber("audit", "audit")
    picture = picture_of(
        [Interception(guard, PRE_REQUEST, PATIENT, "patient", 5), Interception(audit, PRE_REQUEST, PATIENT, "", 5)],
        [Notification(guard, "patient", "_create", "nurse")],
        notes=["all there is"],
    )
    assert list(lines(picture)) == [
        "PATCH/organization/v1/users/patients/{id} (patient)",
        "  before      5  audit  ! equal order",
        "              5  guard  ! equal order",
        "patient _create",
        "  notifies       guard  [template nurse]",
        "",
        "1 conflict:",
        "  equal order: audit, guard have order 5 at PRE_REQUEST PATCH/organization/v1/users/patients/{id}: who is"
        " deployed last gets it, and the other moves up; give each an order of its own [BIOT-5111]",
        "",
        "all there is",
    ]


def test_a_platform_without_subscriptions_is_a_picture_too() -> None:
    nobody = picture_of([], [])
    assert list(lines(nobody)) == ["nobody subscribes to anything"]
    assert '  nothing["nobody subscribes to anything"]' in mermaid(nobody)
    assert ET.fromstring(svg(nobody, "x")).tag.endswith("svg")
