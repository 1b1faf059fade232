"""How a failure of Playwright reads: one line that says what was wanted and what was in the way.

The samples are what Playwright 1.65 said of such pages.
"""

import pytest

from ignition_toolkit.browser.wording import reworded

ROUND = """    2 \xd7 waiting for element to be visible, enabled and stable
      - element is visible, enabled and stable
      - scrolling into view if needed
      - done scrolling
      - <div id="cover">hello</div> intercepts pointer events
    - retrying click action
"""
COVERED = f"""Locator.click: Timeout 1499.542880250374ms exceeded.
Call log:
  - waiting for locator("#a").first
    - locator resolved to <button id="a">x</button>
  - attempting click action
{ROUND}    - waiting 20ms
{ROUND}      - waiting 100ms
"""
NO_FIELD = """Locator.fill: Error: Element is not an <input>
Call log:
  - waiting for locator("#p").first
    - locator resolved to <p id="p">t</p>
    - fill("x")
  - attempting fill action
    - waiting for element to be visible, enabled and editable
"""
REFUSED = """Page.goto: net::ERR_CONNECTION_REFUSED at http://h:8099/
Call log:
  - navigating to "http://h:8099/", waiting until "load"
"""
SLOW = """Page.goto: Timeout 30000ms exceeded.
Call log:
  - navigating to "http://h/", waiting until "load"
"""
IN_PAGE = """Page.evaluate: ReferenceError: x is not defined
    at act (http://h/page.js:1:2)
    at eval (eval at evaluate (:370:30), <anonymous>:1:1)
    at UtilityScript.evaluate (<anonymous>:370:30)"""


@pytest.mark.parametrize(
    ("said", "line"),
    [
        (
            COVERED,
            (
                'Locator.click: not done within 1.5 s: waiting for locator("#a").first; locator'
                ' resolved to <button id="a">x</button>; element is visible, enabled and stable;'
                ' <div id="cover">hello</div> intercepts pointer events'
            ),
        ),
        ("Locator.click: Timeout 50ms exceeded.", "Locator.click: not done within 0.05 s"),
        (SLOW, 'Page.goto: not done within 30 s: navigating to "http://h/", waiting until "load"'),
        (
            NO_FIELD,
            (
                'Locator.fill: Element is not an <input>: waiting for locator("#p").first; locator'
                ' resolved to <p id="p">t</p>'
            ),
        ),
        (
            REFUSED,
            (
                "Page.goto: net::ERR_CONNECTION_REFUSED at http://h:8099/; nothing listens there:"
                " is it running, and is the address right?"
            ),
        ),
        (
            IN_PAGE,
            "Page.evaluate: ReferenceError: x is not defined; at act (http://h/page.js:1:2)",
        ),
        ('Keyboard.press: Unknown key: "Foo"', 'Keyboard.press: Unknown key: "Foo"'),
    ],
)
def test_a_failure_is_one_line(said: str, line: str) -> None:
    assert reworded(said) == line


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("net::ERR_CERT_AUTHORITY_INVALID", "register the gateway as insecure"),
        ("net::ERR_NAME_NOT_RESOLVED", "this machine knows no host of that name"),
        ("net::ERR_SSL_PROTOCOL_ERROR", "is it http:// there?"),
    ],
)
def test_a_page_that_cannot_be_had_comes_with_what_to_look_at(code: str, advice: str) -> None:
    assert advice in reworded(f"Page.goto: {code} at https://h/")


def test_lines_that_are_not_a_call_log_are_left_as_they_are() -> None:
    # They may be a part of a secret with several lines, which is found line by line.
    said = "Locator.fill: Timeout 50ms exceeded.\nCall log:\n  - fill(a\n  secret line)"
    assert reworded(said).endswith("\nCall log:\n  - fill(a\n  secret line)")


def test_what_a_page_throws_keeps_its_lines() -> None:
    said = "Page.evaluate: Error: a\r\n secret line\r\nmore"
    assert reworded(said) == "Page.evaluate: a\r\n secret line\r\nmore"
