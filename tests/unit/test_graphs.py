"""The image of an environment: what it shows is all there, beside each other, and told in words too."""

import time
from itertools import pairwise

import pytest
from lxml import etree

from atoll.platform import layers
from atoll.platform.graph import Edge, Kind, Node
from atoll.platform.svg import svg

_SVG = "{http://www.w3.org/2000/svg}"
_ALL = ("group", "all")


def _fleet(count, of_group=25):
    """Clusters in groups of two levels, with loose ones, and deliveries that go to all kinds of places."""
    groups = [("group", f"g{number}") for number in range(count // of_group)]
    clusters = [("cluster", f"c{number}") for number in range(count)]
    drawn = [
        Node(("control-plane",), Kind.CONTROL_PLANE, "control-plane", "local"),
        *(Node(key, Kind.GROUP, key[1]) for key in (_ALL, *groups)),
        *(Node(key, Kind.CLUSTER, key[1], "local, somewhere") for key in clusters),
        Edge(("control-plane",), _ALL),
        *(Edge(_ALL if at % 3 else groups[at - 1], key) for at, key in enumerate(groups)),
        Edge(_ALL, clusters[-1]),
        *(Edge(groups[at % len(groups)], key) for at, key in enumerate(clusters[:-1])),
        *(Edge(groups[at * 7 % len(groups)], key) for at, key in enumerate(clusters[:-1]) if at % 2),
    ]
    # The first is in nothing but all.
    drawn[drawn.index(Edge(groups[-1], groups[0]))] = Edge(_ALL, groups[0])
    for number in range(count // 10):
        key = ("release", f"r{number}")
        drawn.append(Node(key, Kind.DELIVERY, key[1], "release"))
        drawn += [Edge(key, target, delivers=True) for target in (groups[number % 3], clusters[number])]
    drawn.append(Node(("secret", "nowhere"), Kind.DELIVERY, "nowhere", "secret"))
    return drawn


def _parts(drawn):
    nodes = [each for each in drawn if isinstance(each, Node)]
    return nodes, [each for each in drawn if isinstance(each, Edge)]


@pytest.fixture(scope="module")
def drawn():
    return _fleet(100)


@pytest.fixture(scope="module")
def image(drawn):
    return etree.fromstring(svg(drawn, "dev"))


def test_every_node_is_a_box_with_its_words_and_every_edge_a_way(drawn, image):
    nodes, edges = _parts(drawn)
    boxes = {each.get("id"): each for each in image.iter(f"{_SVG}g") if each.get("id")}

    assert list(boxes) == ["-".join(node.key) for node in nodes]
    for node in nodes:
        words = [each.text for each in boxes["-".join(node.key)].iter(f"{_SVG}text")]
        assert words == [node.name, *filter(None, [node.more])]
    ways = [each.get("class") for each in image.iter(f"{_SVG}path")]
    assert ways.count("way") == sum(not edge.delivers for edge in edges)
    assert ways.count("way delivers") == sum(edge.delivers for edge in edges)


def test_it_is_told_in_words_to_who_does_not_see_it(image):
    assert image.get("role") == "img"
    named = {each.get("id"): each.text for each in image if each.get("id")}

    assert named[image.get("aria-labelledby")] == "dev: its groups and clusters, and what goes where"
    told = named[image.get("aria-describedby")]
    assert "release r1 goes to group g1, cluster c1." in told
    assert told.startswith("control-plane leads to group all.")


def test_no_box_lies_on_another_or_outside(image):
    _, _, width, height = map(float, image.get("viewBox").split())
    spans = []
    for box in image.iter(f"{_SVG}g"):
        if (rectangle := box.find(f"{_SVG}rect")) is not None:
            left, top = float(rectangle.get("x")), float(rectangle.get("y"))
            right, bottom = left + float(rectangle.get("width")), top + float(rectangle.get("height"))
        elif (polygon := box.find(f"{_SVG}polygon")) is not None:
            corners = [tuple(map(float, each.split(","))) for each in polygon.get("points").split()]
            (left, right), (top, bottom) = (
                (min(values), max(values)) for values in zip(*corners, strict=True)
            )
        else:
            continue
        assert left >= 0
        assert top >= 0
        assert right <= width
        assert bottom + 56 <= height
        spans.append((left, top, right, bottom))
    assert len(spans) > 100

    for (left, _, right, bottom), (other, top, end, _) in pairwise(sorted(spans)):
        assert ((left, right) == (other, end) and bottom <= top) or right < other


def test_edges_go_to_the_right_and_ways_over_several_columns_pass_between_the_boxes(drawn):
    nodes, edges = _parts(drawn)
    found = layers.columns(nodes, edges)
    column = {spot: at for at, each in enumerate(found.columns) for spot in each}
    sizes = dict.fromkeys(column, 10.0)
    middles = layers.heights(found, sizes)

    for edge, way in zip(edges, found.ways, strict=True):
        assert (way[0], way[-1]) == (edge.source, edge.target)
        assert [column[spot] for spot in way] == list(range(column[edge.source], column[edge.target] + 1))
    assert max(map(len, found.ways)) > 2
    assert {column[node.key] for node in nodes if node.kind is Kind.CLUSTER} == {len(found.columns) - 1}
    assert min(middles.values()) == 5
    for each in found.columns:
        assert all(middles[right] - middles[left] >= 10 - 1e-6 for left, right in pairwise(each))


def test_ways_do_not_cross_where_they_need_not():
    groups, clusters = ([(word, str(number)) for number in range(4)] for word in ("group", "cluster"))
    nodes = [Node(("control-plane",), Kind.CONTROL_PLANE, "p"), Node(_ALL, Kind.GROUP, "all")]
    nodes += [Node(key, Kind.GROUP, key[1]) for key in groups]
    nodes += [Node(key, Kind.CLUSTER, key[1]) for key in clusters]
    edges = [Edge(("control-plane",), _ALL), *(Edge(_ALL, key) for key in groups)]
    edges += [Edge(group, cluster) for group, cluster in zip(groups, reversed(clusters), strict=True)]

    order = layers.columns(nodes, edges).columns

    of: dict[layers.Spot, layers.Spot] = dict(zip(groups, reversed(clusters), strict=True))
    assert order[-1] == [of[group] for group in order[-2]]


def test_what_xml_cannot_say_and_what_it_reads_otherwise_keeps_the_image_whole():
    plane = Node(("control-plane",), Kind.CONTROL_PLANE, "control-plane", '<a&"b\x00>')

    image = etree.fromstring(svg([plane], "dev"))

    assert '<a&"b\N{REPLACEMENT CHARACTER}>' in {each.text for each in image.iter(f"{_SVG}text")}


def test_a_thousand_clusters_take_little_time_and_always_look_the_same():
    drawn = _fleet(1000)
    began = time.process_time()
    first = svg(drawn, "dev")

    assert time.process_time() - began < 2
    assert svg(list(drawn), "dev") == first
