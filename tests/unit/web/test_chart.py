"""The chart of cancels: well-formed, to scale, and nothing of a stranger's in it."""

from xml.etree import ElementTree

from ignition_toolkit.web.chart import Bar, latency_chart

SVG = "{http://www.w3.org/2000/svg}"


#: Pixels that the style sheet gives the chart.
HEIGHT = 220


def drawn(*bars: Bar) -> ElementTree.Element:
    """Return the scale and the chart beside it."""
    # A page needs no namespace, a reader of XML does.
    text = f'<div xmlns="http://www.w3.org/2000/svg">{latency_chart(bars)}</div>'
    return ElementTree.fromstring(text)


def share(bar: ElementTree.Element, name: str) -> float:
    """Return a size of a bar in per cent of the chart's width."""
    return float(bar.attrib[name].removesuffix("%"))


def tops(chart: ElementTree.Element) -> list[float]:
    return [float(bar.attrib["y"]) for bar in chart.iter(f"{SVG}rect")]


def test_the_line_of_the_promise_parts_those_that_kept_it_from_those_that_did_not() -> None:
    chart = drawn(Bar("a", 12.0), Bar("b", 499.0), Bar("c", 501.0), Bar("d", 9000.0))
    line = next(one for one in chart.iter(f"{SVG}line") if one.attrib["class"] == "promise")
    promise = float(line.attrib["y1"])
    assert [top > promise for top in tops(chart)] == [True, True, False, False]
    states = [bar.attrib["class"] for bar in chart.iter(f"{SVG}rect")]
    assert states == ["kept", "kept", "late", "late"]


def test_every_bar_stays_inside_whatever_its_figure_is() -> None:
    bars = [Bar(str(n), value) for n, value in enumerate([0.0, None, 500.0, 1e9] * 25)]
    chart = drawn(*bars)
    for bar in chart.iter(f"{SVG}rect"):
        y, high = float(bar.attrib["y"]), float(bar.attrib["height"])
        assert 0 <= share(bar, "x") <= share(bar, "x") + share(bar, "width") <= 100
        assert 0 <= y <= y + high <= HEIGHT


def test_the_newest_bar_stands_at_the_right_however_few_there_are() -> None:
    for count in (1, 25, 100):
        *_, last = drawn(*(Bar("x", 1.0) for _ in range(count))).iter(f"{SVG}rect")
        assert 99 < share(last, "x") + share(last, "width") < 100


def test_each_line_has_its_number_beside_it_however_narrow_the_chart_is() -> None:
    scale, chart = drawn(Bar("a", 12.0))
    lines = [float(one.attrib["y1"]) for one in chart.iter(f"{SVG}line")]
    numbers = {one.text: float(one.attrib["y"]) for one in scale.iter(f"{SVG}text")}
    assert list(numbers) == ["0", "100 ms", "200 ms", "300 ms", "400 ms", "500 ms"]
    assert [any(abs(y - line) < 8 for line in lines) for y in numbers.values()] == [True] * 6
    assert {one.attrib["x2"] for one in chart.iter(f"{SVG}line")} == {"100%"}


def test_a_figure_that_was_not_measured_is_told_from_a_quick_one() -> None:
    chart = drawn(Bar("a", None), Bar("b", 1.0))
    assert [bar.attrib["class"] for bar in chart.iter(f"{SVG}rect")] == ["unknown", "kept"]


def test_a_title_is_text_and_needs_no_style_or_script() -> None:
    title = "</title><script>alert(1)</script>"
    chart = drawn(Bar(title, 1.0))
    assert [one.text for one in chart.iter(f"{SVG}title")] == [title]
    assert not list(chart.iter(f"{SVG}script"))
    assert not [one for one in chart.iter() if "style" in one.attrib]
