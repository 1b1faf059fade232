"""What each browser step does, in one real browser; the site's log is the truth."""

import json
import time
from pathlib import Path

import pytest

from ignition_toolkit.credentials import Secret
from ignition_toolkit.playbook.models import ExecutionStatus, OnFailure
from tests.integration.browser.bench import Bench
from tests.integration.browser.site import SOON_S, Site
from tests.integration.runner.driver import step
from tests.polling import poll_until_async

pytestmark = pytest.mark.asyncio(loop_scope="module")

COMPLETED, FAILED = ExecutionStatus.COMPLETED, ExecutionStatus.FAILED
GO_ON = OnFailure.CONTINUE


async def test_a_form_is_filled_sent_and_read(bench: Bench, site: Site) -> None:
    began = time.monotonic()
    upload = bench.artifacts / "line.csv"
    upload.write_text("1")
    result = await bench.run(
        bench.open("/"),
        step("wait", "browser.wait", {"selector": "#head"}),
        step("fill", "browser.fill", {"selector": "#name", "value": 42}),
        step("type", "browser.press_sequentially", {"selector": "#name", "value": "ab"}),
        step("key", "browser.keyboard", {"key": "Backspace"}),
        step("read", "browser.get_text", {"selector": "#name"}),
        step("tick", "browser.check", {"selector": "#tick"}),
        step("ticked", "browser.evaluate", {"script": "[tick.checked, 1]"}),
        step("choose", "browser.select", {"selector": "#line", "value": 2}),
        step("upload", "browser.file_upload", {"selector": "#file", "file_path": "line.csv"}),
        step("click", "browser.click", {"selector": "#start"}),
        step("picture", "browser.screenshot", {"name": "form", "full_page": True}),
        step("download", "browser.download", {"selector": "#report"}),
    )
    assert result.status is COMPLETED, result.error
    assert bench.output("read") == {"text": "42a"}
    assert bench.output("ticked") == {"result": [True, 1]}
    assert bench.output("choose") == {"selected": ["2"]}
    said = {"home", "file line.csv", "clicked"}
    await poll_until_async(lambda: set(site.said(began)) == said, SOON_S)
    assert Path(bench.output("picture")["path"]).read_bytes().startswith(b"\x89PNG")
    kept = bench.output("download")
    assert (kept["name"], kept["size_bytes"]) == ("report.csv", 8)
    assert Path(kept["path"]).read_text() == "a,b\n1,2\n"


async def test_a_download_replaces_no_file_and_does_not_click_for_it(
    bench: Bench, site: Site
) -> None:
    kept = bench.artifacts / "kept.csv"
    kept.write_text("before")
    began = time.monotonic()
    get = step("get", "browser.download", {"selector": "#report", "name": "kept.csv"})
    result = await bench.run(bench.open("/"), get)
    assert result.status is FAILED
    assert "expected a name that is free in the execution's folder" in bench.error("get")
    assert kept.read_text() == "before"
    assert site.after(began, "/report.csv") == []
    kept.unlink()
    result = await bench.run(bench.open("/"), get)
    assert result.status is COMPLETED, result.error
    assert kept.read_text() == "a,b\n1,2\n"


@pytest.mark.parametrize(
    ("called", "kept"),
    [
        pytest.param("../../line.csv", "_.._line.csv", id="leads out"),
        pytest.param("a\nb\u0007.csv", "a_b_.csv", id="control characters"),
        pytest.param("..", "download.csv", id="no name"),
        pytest.param("x" * 300 + ".csv", "x" * 196 + ".csv", id="too long"),
        pytest.param("é" * 150, "é" * 98 + ".csv", id="too many bytes"),
        pytest.param("x." + "y" * 300, "x." + "y" * 198, id="too long an ending"),
    ],
)
async def test_a_page_cannot_choose_where_a_download_goes(
    bench: Bench, called: str, kept: str
) -> None:
    result = await bench.run(
        bench.open("/"),
        step("call", "browser.evaluate", {"script": f"report.download = {json.dumps(called)}"}),
        step("get", "browser.download", {"selector": "#report"}),
    )
    assert result.status is COMPLETED, result.error
    path = Path(bench.output("get")["path"])
    assert path == bench.artifacts / kept
    assert path.read_text() == "a,b\n1,2\n"


async def test_a_download_that_stops_half_way_fails_in_time_and_leaves_no_file(
    bench: Bench, site: Site
) -> None:
    began = time.monotonic()
    get = {"selector": "#half", "timeout": 3_000}
    result = await bench.run(bench.open("/"), step("get", "browser.download", get))
    assert result.status is FAILED
    assert "expected the download of half.csv to end within 3 s" in bench.error("get")
    assert site.after(began, "/half.csv")
    assert [it.name for it in bench.artifacts.iterdir() if "half" in it.name] == []
    site.answer.set()
    result = await bench.run(bench.open("/"), step("get", "browser.download", get))
    assert result.status is COMPLETED, result.error
    assert Path(bench.output("get")["path"]).read_text() == "a,b\n1,2\n"


async def test_verifications_look_again_until_it_is_so(bench: Bench) -> None:
    result = await bench.run(
        bench.open("/"),
        step("soon", "browser.verify_text", {"selector": "#soon", "text": "Ready"}),
        step("part", "browser.verify_text", {"selector": "h1", "text": "ell", "match": "contains"}),
        step("form", "browser.verify_text", {"selector": "h1", "text": "^H", "match": "regex"}),
        step("value", "browser.verify_text", {"selector": "#name", "text": "Ann"}),
        step("there", "browser.verify", {"selector": "h1"}),
        step("none", "browser.verify", {"selector": "h7", "exists": False}),
        step(
            "title",
            "browser.verify_attribute",
            {"selector": "#name", "attribute": "title", "value": "Your name"},
        ),
        *(
            step(state, "browser.verify_state", {"selector": selector, "state": state})
            for selector, state in (
                ("h1", "visible"),
                ("#gone", "hidden"),
                ("#start", "enabled"),
                ("#off", "disabled"),
            )
        ),
    )
    assert result.status is COMPLETED, result.error
    assert bench.output("soon") == {"text": "Ready"}


async def test_a_verification_that_fails_says_what_it_saw_last(bench: Bench) -> None:
    short = {"timeout": 50}
    await bench.run(
        bench.open("/"),
        step(
            "text",
            "browser.verify_text",
            {"selector": "h1", "text": "Bye", **short},
            on_failure=GO_ON,
        ),
        step("none", "browser.verify", {"selector": "h7", **short}, on_failure=GO_ON),
        step(
            "state",
            "browser.verify_state",
            {"selector": "#off", "state": "enabled", **short},
            on_failure=GO_ON,
        ),
        step(
            "attribute",
            "browser.verify_attribute",
            {"selector": "h1", "attribute": "lang", "value": "en", **short},
            on_failure=GO_ON,
        ),
    )
    said = "h1: expected text 'Bye' (exact) within 0.05 s, seen last: 'Hello'"
    assert bench.error("text") == said
    assert bench.error("none").endswith(
        "expected an element within 0.05 s, seen last: no such element"
    )
    assert bench.error("state").endswith("seen last: 'disabled'")
    assert bench.error("attribute").endswith("seen last: '(no such attribute)'")


async def test_a_step_that_fails_keeps_a_picture_and_the_errors_of_the_page(bench: Bench) -> None:
    result = await bench.run(
        bench.open("/errors?token=s3cret"),
        step("click", "browser.click", {"selector": "#never", "timeout": 100}),
    )
    assert result.status is FAILED
    assert (
        bench.error("click")
        == 'Locator.click: not done within 0.1 s: waiting for locator("#never").first'
    )
    assert f"failed at {bench.url}/errors?... 'Faulty'" in bench.host.log
    assert "s3cret" not in bench.host.log
    assert "the page's console: a fault" in bench.host.log
    assert "the page's console: x is not defined" in bench.host.log
    picture = bench.artifacts / "failed_click_1.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert list(bench.artifacts.glob("*.part")) == []


async def picture_with(bench: Bench, word: str, value: str) -> bytes:
    """Return the picture of a page with such a word in a field, given as this value."""
    await bench.run(
        bench.open("/"),
        step("fill", "browser.fill", {"selector": "#name", "value": value}),
        step("still", "browser.verify_text", {"selector": "#soon", "text": "Ready"}),
        step("picture", "browser.screenshot", {"name": word}),
        credentials={"line": {"password": Secret(word)}},
    )
    return Path(bench.output("picture")["path"]).read_bytes()


async def test_a_picture_shows_no_field_that_a_secret_was_put_into(bench: Bench) -> None:
    secret = "{{ credential.line.password }}"
    # First in clear: a field that has held a secret stays hidden as long as the browser is open.
    shown = [await picture_with(bench, word, word) for word in ("s3cret-one", "word-no-two")]
    hidden = [await picture_with(bench, word, secret) for word in ("s3cret-one", "word-no-two")]
    assert hidden[0] == hidden[1]
    assert shown[0] != shown[1]


async def test_a_page_that_is_slow_is_a_plain_failure_that_keeps_its_browser(bench: Bench) -> None:
    slow = {"url": f"{bench.url}/slow"}
    await bench.run(
        bench.open("/"),
        step("slow", "browser.navigate", slow, timeout=4.0, on_failure=GO_ON),
        step("click", "browser.click", {"selector": "#start"}),
    )
    assert bench.error("slow").startswith("Page.goto: not done within")
    assert bench.output("click") == {}


async def test_a_secret_is_typed_and_shown_nowhere(bench: Bench) -> None:
    value = "{{ credential.line.password }}"
    result = await bench.run(
        bench.open("/"),
        step("fill", "browser.fill", {"selector": "#name", "value": value}),
        step("length", "browser.evaluate", {"script": "document.getElementById('name').value"}),
        credentials={"line": {"password": Secret("hunter2hunter2")}},
    )
    assert result.status is COMPLETED, result.error
    assert bench.output("length") == {"result": "hunter2hunter2"}
    assert all("hunter2" not in str(e) for e in bench.host.events if "length" not in str(e))


@pytest.mark.parametrize(
    ("kind", "parameters", "said"),
    [
        ("browser.screenshot", {"name": "../out"}, "a file's name inside the execution's folder"),
        ("browser.file_upload", {"selector": "#file", "file_path": "no.csv"}, "found none at"),
        ("browser.select", {"selector": "#line"}, "exactly one of value, label and index"),
        (
            "browser.verify_text",
            {"selector": "h1", "text": "(", "match": "regex"},
            "a regular expression",
        ),
        ("browser.evaluate", {"script": "null.x"}, "Cannot read properties of null"),
        ("browser.navigate", {"url": "http://127.0.0.1:1/"}, "ERR_UNSAFE_PORT"),
    ],
)
async def test_what_cannot_be_done_is_said(
    bench: Bench, kind: str, parameters: dict[str, object], said: str
) -> None:
    result = await bench.run(bench.open("/"), step("wrong", kind, parameters))
    assert result.status is FAILED
    assert said in bench.error("wrong")
