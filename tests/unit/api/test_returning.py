"""After the log-in a person goes to a page of this server, and never anywhere else."""

import pytest
from starlette.datastructures import Headers

from ignition_toolkit.api.returning import local_path, login_address

HOST = "127.0.0.1:5000"


@pytest.mark.parametrize(
    "path",
    ["/", "/executions/01-a?x=1&y=%C3%A4", "/playbooks/tests/a%20b.yaml", "/metrics", "/a//b"],
)
def test_a_page_of_this_server_is_gone_to(path: str) -> None:
    assert local_path(path) == path


@pytest.mark.parametrize(
    "text",
    [
        "",
        "executions",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "http://evil.example/",
        "https:evil.example",
        "javascript:alert(1)",
        " /executions",
        "/\t/evil.example",
        "/\n/evil.example",
        "/x\r\nset-cookie: a=b",
        "/x\\..\\..",
        "/\u2215evil.example",
        '/"><script>',
        "/a" * 1001,
        "/login",
        "/login?next=/x",
        "/logout",
    ],
)
def test_anything_else_is_the_first_page(text: str) -> None:
    assert local_path(text) == "/"


def address(method: str, path: bytes, query: bytes = b"", **headers: str) -> str:
    """Return the address of the log-in page for a request."""
    scope = {"method": method, "raw_path": path, "query_string": query}
    return login_address(scope, Headers({"host": HOST, **headers}))


def test_the_log_in_leads_back_to_where_a_person_was() -> None:
    found = address("GET", b"/playbooks/a%20b.yaml", b"x=1&y=2")
    assert found == "/login?next=%2Fplaybooks%2Fa%2520b.yaml%3Fx%3D1%26y%3D2"
    assert address("GET", b"/") == "/login"
    assert address("HEAD", b"//evil.example") == "/login"


def test_a_form_leads_back_to_its_page_and_says_that_nothing_was_done() -> None:
    def sent_from(referer: str) -> str:
        return address("POST", b"/executions/1/cancel", referer=referer)

    page = f"http://{HOST}/executions/1?x=2"
    assert sent_from(page) == "/login?next=%2Fexecutions%2F1%3Fx%3D2&note=undone"
    for foreign in ("", "http://evil.example/x", "http://[::1", "http://127.0.0.1:8088/x"):
        assert sent_from(foreign) == "/login?note=undone"
