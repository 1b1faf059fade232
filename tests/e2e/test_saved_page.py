"""The reader of saved pages finds every host that a page could load from, and no other."""

import pytest

from tests.e2e.saved_page import Part

OWN = "http://127.0.0.1:5000/executions/1"
ELSEWHERE = "cdn.example"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("text/html", '<script src="https://cdn.example/x.js"></script>'),
        ("text/html", '<link rel=stylesheet href="//cdn.example/x.css">'),
        ("text/html", '<a href="https://cdn.example/">x</a>'),
        ("text/html", '<img srcset="/own.png 1x, https://cdn.example/x.png 2x">'),
        ("text/html", '<form action=" https://cdn.example/">'),
        ("text/html", '<button formaction="https://cdn.example/">'),
        ("text/html", '<div hx-get="https://cdn.example/part">'),
        ("text/html", '<main data-worker="https://cdn.example/worker.js">'),
        ("text/html", '<meta http-equiv="refresh" content="3; url=https://cdn.example/">'),
        ("text/html", '<p style="background: url(https://cdn.example/x.png)">'),
        ("text/html", "<style>@import 'https://cdn.example/x.css';</style>"),
        ("text/html", '<svg><use xlink:href="https://cdn.example/x.svg#a"/></svg>'),
        ("image/svg+xml", '<svg><rect fill="url(https://cdn.example/x.svg#a)"/></svg>'),
        ("text/css", "@font-face { src: url('https://cdn.example/x.woff2') }"),
        ("text/css", '@import "//cdn.example/x.css";'),
        ("text/javascript", 'fetch("https://cdn.example/x")'),
        ("text/javascript", "new WebSocket('wss://cdn.example/')"),
        ("text/javascript", "const at = `//cdn.example/${x}`"),
    ],
)
def test_a_host_is_found_wherever_a_page_can_load_from_it(kind: str, text: str) -> None:
    assert ELSEWHERE in Part(OWN, kind, text).hosts()


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("text/html", "<code>https://cdn.example/</code>"),
        ("text/html", '<input value="https://cdn.example/"><textarea>//cdn.example</textarea>'),
        ("text/html", '<option value="url(https://cdn.example/)">x</option>'),
        ("text/html", '<svg xmlns="http://www.w3.org/2000/svg"></svg>'),
        ("image/svg+xml", '<svg xmlns="http://www.w3.org/2000/svg"></svg>'),
        ("text/javascript", 'document.createElementNS("http://www.w3.org/2000/svg", "g")'),
        ("text/javascript", "// see https://cdn.example/ for the format\n"),
        ("text/plain", "https://cdn.example/"),
    ],
)
def test_an_address_as_text_and_the_name_of_a_namespace_are_no_host(kind: str, text: str) -> None:
    assert Part(OWN, kind, text).hosts() == set()


def test_what_comes_from_the_server_itself_is_its_own_host() -> None:
    html = '<a href="/health">x</a><a href="#main">x</a><img src="http://127.0.0.1:5000/x.svg">'
    assert Part(OWN, "text/html", html).hosts() == {"127.0.0.1:5000"}
