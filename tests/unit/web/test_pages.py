"""The pages as HTML: they say what is, and escape what strangers wrote."""

import re
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest

from ignition_toolkit.credentials.vault import CredentialType
from ignition_toolkit.execution.views import (
    Artifact,
    ArtifactList,
    AuditNote,
    CredentialView,
    ExecutionPage,
    ExecutionView,
    StepView,
    Upkeep,
    WaitingFor,
)
from ignition_toolkit.playbook.gateways import GatewayEntry
from ignition_toolkit.playbook.models import (
    CancelOutcome,
    CancelSource,
    ExecutionStatus,
    Leftover,
    OnCancelResult,
    StepStatus,
)
from ignition_toolkit.storage import LogFilter
from ignition_toolkit.web.filters import ListFilter, LogView
from ignition_toolkit.web.forms import FormToken
from ignition_toolkit.web.page_parts import About, Attempt, Frame, Known, Surroundings
from ignition_toolkit.web.pages import Pages
from ignition_toolkit.web.static_files import load_static
from tests.unit.api.fake_worker import BEGIN, HEALTHY, PLAYBOOK, FakeWorker, record_of

HOSTILE = "</textarea></script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&"


FRAME = Frame(["one", "two"], 3, 7)
NOTHING = ExecutionPage(items=(), total=0)


@pytest.fixture(scope="module")
def pages() -> Pages:
    return Pages(load_static(), FormToken())


def shown(pages: Pages, view: ExecutionView) -> str:
    """Return the page of an execution that has said nothing yet."""
    return pages.execution(FRAME, view, Surroundings(LogView(view.execution_id, [], LogFilter())))


class Seen(HTMLParser):
    """Tags and attributes that a browser would find."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def assert_nothing_active(html: str) -> None:
    """Fail when the page holds anything that its policy forbids, or that a stranger put there."""
    seen = Seen(html)
    ours = ("/static/live.js?", "/static/htmx.min.js?")
    assert all(str(found.get("src")).startswith(ours) for found in seen.all("script"))
    assert not seen.all("style")
    # The live view's picture has no address until a script gives it one of ours.
    assert all(found.keys() <= {"id", "class", "alt", "hidden"} for found in seen.all("img"))
    for tag, attributes in seen.tags:
        assert not [name for name in attributes if name.startswith(("on", "hx-on"))], tag
        assert "style" not in attributes, tag
        for name in ("href", "action", "src", "hx-get", "hx-post", "data-worker"):
            # Of this server: no other host, no script, nothing that holds a file itself.
            assert re.match("/(?!/)|#|$", attributes.get(name) or ""), (tag, name)


def test_no_text_of_a_stranger_becomes_part_of_the_page(pages: Pages) -> None:
    worker = FakeWorker()
    step = StepView(
        step_id=HOSTILE,
        step_name=HOSTILE,
        type=HOSTILE,
        status=StepStatus.FAILED,
        error=HOSTILE,
        output={HOSTILE: HOSTILE},
        attempts=2,
        cancellation=record_of(source=CancelSource.TIMEOUT, stuck_at=HOSTILE),
    )
    view = worker.add(name=HOSTILE).model_copy(
        update={
            "execution_id": HOSTILE,
            "playbook_path": HOSTILE,
            "requested_by": HOSTILE,
            "error": HOSTILE,
            "parameters": {HOSTILE: HOSTILE},
            "step_results": (step,),
            "cancellation": record_of(requested_by=HOSTILE, in_flight=(HOSTILE,)),
            "waiting_for": WaitingFor(kind="gateway", name=HOSTILE, since=BEGIN, held_by=HOSTILE),
            "rerun_of": HOSTILE,
            "rerun_from_step": HOSTILE,
        }
    )
    other = view.model_copy(update={"execution_id": f"{HOSTILE}2"})
    logs = [worker.log(HOSTILE, HOSTILE)]
    item: dict[str, Any] = {**PLAYBOOK, "name": HOSTILE, "path": HOSTILE, "description": HOSTILE}
    parameter = {"name": HOSTILE, "type": "dict", "description": HOSTILE, "default": HOSTILE}
    item["parameters"] = [{**parameter, "required": True}]
    attempt = Attempt({f"parameter.{HOSTILE}": HOSTILE}, {HOSTILE: HOSTILE}, [HOSTILE], HOSTILE)
    log = LogView(HOSTILE, logs, LogFilter(text=HOSTILE), has_older=True, is_newest=False)
    files = ArtifactList(items=(Artifact(name=HOSTILE, size=1),))
    notes = [AuditNote(id=1, at=BEGIN, action=HOSTILE, source=HOSTILE, requested_by=HOSTILE)]
    about = About([view, other], view, view, notes)
    around = Surroundings(log, about, files, notice=HOSTILE)
    one = ExecutionPage(items=(view,), total=1)
    upkeep = Upkeep(
        data_dir=HOSTILE,
        database_bytes=1,
        artifact_bytes=None,
        keep_days=0,
        keep_failures_days=0,
        max_running=1,
    )
    login = CredentialView(
        name=HOSTILE, type=CredentialType.PASSWORD, username=HOSTILE, changed_at=BEGIN
    )
    entry = GatewayEntry(
        name=HOSTILE, urls=(HOSTILE,), ca_file=HOSTILE, credential=HOSTILE, tags=(HOSTILE,)
    )
    words = dict.fromkeys(("name", "urls", "username", "ca_file", "credential", "tags"), HOSTILE)
    wrong = Attempt(words, words, failure=HOSTILE)
    rendered = [
        pages.execution(FRAME, view, around),
        pages.details(view, 7),
        pages.about(view, about),
        pages.log(view, around.log),
        pages.executions(FRAME, one, one, ListFilter(HOSTILE, HOSTILE, HOSTILE), paths=[HOSTILE]),
        pages.playbooks(FRAME, [{**item, "problems": [HOSTILE]}], {HOSTILE: view}),
        pages.playbook(FRAME, item, known=Known([view], view, attempt.fields)),
        pages.playbook(FRAME, item, attempt),
        pages.check(item, {**attempt.fields, f"parameter.{HOSTILE}": f"[{HOSTILE}"}),
        pages.health(FRAME, HEALTHY.model_copy(update={"problems": (HOSTILE,)}), upkeep, [view]),
        pages.cancel_all(FRAME, one),
        pages.credentials(FRAME, [login], [entry], wrong),
        pages.gateways(FRAME, [entry], [HOSTILE], wrong),
        pages.problem(HOSTILE, HOSTILE, [HOSTILE]),
    ]
    for html in rendered:
        assert "alert(1)" in html, "the text itself is shown"
        assert_nothing_active(html)


def test_no_file_that_a_page_loads_names_another_host() -> None:
    for file in load_static().values():
        if file.name.endswith((".css", ".js")):
            assert not re.search(rb"https?:|url\(|@import", file.content), file.name


def test_a_log_is_complete_up_to_its_last_line_or_to_what_was_before_it_was_read(
    pages: Pages,
) -> None:
    worker = FakeWorker()
    view = worker.add()
    line = worker.log(view.execution_id, "said")
    for asked_at, upto in ((line.id + 7, line.id + 7), (line.id - 1, line.id)):
        log = LogView(view.execution_id, [line], LogFilter(), asked_at=asked_at)
        assert f'data-upto="{upto}"' in pages.log(view, log)


def test_a_page_says_who_did_what_and_from_where(pages: Pages) -> None:
    view = FakeWorker().add()
    log = LogView(view.execution_id, [], LogFilter())
    notes = [
        AuditNote(id=1, at=BEGIN, action="start", source="cli", requested_by="anna"),
        AuditNote(id=2, at=BEGIN, action="pause", source="elsewhere"),
    ]
    html = re.sub(
        "<[^>]*>", "", pages.execution(FRAME, view, Surroundings(log, About(notes=notes)))
    )
    assert "start by anna, on the command line" in html
    assert "pause by nobody who gave a name, from elsewhere" in html


def test_the_record_says_what_was_stopped_how_and_how_fast(pages: Pages) -> None:
    worker = FakeWorker()
    view = worker.finish_cancelled(
        worker.add().execution_id,
        leftovers=(Leftover(pid=99, name="mount", why="it is uninterruptible"),),
        in_flight=("POST /data/api/v1/restart",),
        on_cancel=(OnCancelResult(step_id="safe", status=StepStatus.FAILED, error="no answer"),),
    )
    html = shown(pages, view)
    for said in (
        "killed",
        "262 ms",
        "281 ms",
        "step1",
        "tarpits.py:12 in spin",
        "process 4711",
        "on a web page",
        "anna",
        "it is uninterruptible",
        "POST /data/api/v1/restart",
        "no answer",
    ):
        assert said in html


def test_a_record_without_an_outcome_says_that_the_stop_is_under_way(pages: Pages) -> None:
    worker = FakeWorker()
    record = record_of(outcome=None, step_stopped_ms=None, tree_gone_ms=None)
    view = worker.put(
        worker.add().execution_id, status=ExecutionStatus.CANCELLING, cancellation=record
    )
    html = shown(pages, view)
    assert "under way" in html
    assert "not measured" in html


@pytest.mark.parametrize("outcome", list(CancelOutcome))
@pytest.mark.parametrize("source", list(CancelSource))
def test_every_record_can_be_shown(
    pages: Pages, outcome: CancelOutcome, source: CancelSource
) -> None:
    worker = FakeWorker()
    view = worker.finish_cancelled(worker.add().execution_id, outcome=outcome, source=source)
    assert outcome.value in pages.details(view, 7)


@pytest.mark.parametrize(
    ("status", "wanted", "label"),
    [
        (ExecutionStatus.PENDING, ["cancel"], "Cancel"),
        (ExecutionStatus.RUNNING, ["pause", "skip", "cancel"], "Cancel"),
        (ExecutionStatus.PAUSED, ["resume", "skip", "cancel"], "Cancel"),
        (ExecutionStatus.CANCELLING, ["cancel"], "Cancelling"),
        (ExecutionStatus.CANCELLED, ["rerun"], "Cancel"),
        (ExecutionStatus.COMPLETED, ["rerun"], "Cancel"),
    ],
)
def test_only_the_buttons_that_make_sense_are_shown(
    pages: Pages, status: ExecutionStatus, wanted: list[str], label: str
) -> None:
    html = shown(pages, FakeWorker().add(status=status))
    assert shown_buttons(html) == wanted
    assert ("disabled" in buttons_of(html)["cancel"]) == (label == "Cancelling")
    assert f">{label}</button>" in html


def test_steps_that_run_after_a_cancel_can_be_cancelled_too(pages: Pages) -> None:
    worker = FakeWorker()
    stopped = record_of(outcome=None)
    view = worker.put(
        worker.add().execution_id, status=ExecutionStatus.CANCELLING, cancellation=stopped
    )
    assert "Cancel the clean-up</button>" in shown(pages, view)


def test_a_step_that_was_never_reached_is_called_not_run_once_all_is_over(pages: Pages) -> None:
    worker = FakeWorker()
    step = StepView(step_id="b", step_name="B", type="utility.log", status=StepStatus.PENDING)
    running = worker.add().model_copy(update={"step_results": (step,)})
    over = running.model_copy(update={"status": ExecutionStatus.CANCELLED})
    assert "not run" not in pages.details(running, 7)
    assert "not run" in pages.details(over, 7)


def test_an_empty_list_says_how_to_begin(pages: Pages) -> None:
    html = pages.executions(FRAME, NOTHING, NOTHING)
    assert "Nothing has run yet" in html
    assert 'href="/playbooks"' in html


def test_without_scripts_a_list_comes_again_by_itself_while_something_runs(pages: Pages) -> None:
    page = ExecutionPage(items=(FakeWorker().add(),), total=1)
    reloads = '<noscript><meta http-equiv="refresh"'
    assert reloads in pages.executions(FRAME, page, NOTHING)
    assert reloads not in pages.executions(FRAME, NOTHING, page)


def older(pages: Pages, page: ExecutionPage, offset: int) -> str:
    return pages.executions(FRAME, NOTHING, page, offset=offset, limit=2)


def test_older_executions_are_a_click_away(pages: Pages) -> None:
    worker = FakeWorker()
    items = tuple(worker.add() for _ in range(2))
    first = older(pages, ExecutionPage(items=items, total=5), 0)
    middle = older(pages, ExecutionPage(items=items, total=5), 2)
    last = older(pages, ExecutionPage(items=items[:1], total=5), 4)
    assert pager_of(first) == ("1 to 2 of 5 that are over", ["Older"])
    assert pager_of(middle) == ("3 to 4 of 5 that are over", ["Newer", "Older"])
    assert pager_of(last) == ("5 to 5 of 5 that are over", ["Newer"])


def pager_of(html: str) -> tuple[str, list[str]]:
    """Return which executions a list says that it shows, and the links that it shows beside."""
    said = re.search('id="range"[^>]*>([^<]*)<', html)
    links = re.findall("<a ([^>]*)>(Newer|Older)</a>", html)
    assert said
    return said[1], [text for attributes, text in links if "hidden" not in attributes]


def test_a_playbook_that_does_not_load_shows_why_and_cannot_be_started(pages: Pages) -> None:
    # The least that a worker says of one.
    broken = {"path": "a.yaml", "valid": False, "problems": ["a.yaml:1:1: bad"], "name": "a.yaml"}
    full = {**broken, "warnings": [], "parameters": [], "steps": [], "on_cancel": []}
    for html in (pages.playbooks(FRAME, [broken], {}), pages.playbook(FRAME, full)):
        assert "a.yaml:1:1: bad" in html
        assert ">Run</" not in html


def test_a_refused_start_keeps_what_was_entered_and_says_what_is_wrong(pages: Pages) -> None:
    attempt = Attempt({"parameter.seconds": "soon"}, {"seconds": "expected a number"})
    html = pages.playbook(FRAME, PLAYBOOK, attempt)
    assert 'value="soon"' in html
    assert "expected a number" in html


def test_every_form_carries_the_token(pages: Pages) -> None:
    for html in (shown(pages, FakeWorker().add()), pages.playbook(FRAME, PLAYBOOK)):
        seen = Seen(html)
        tokens = [field for field in seen.all("input") if field.get("name") == "form_token"]
        posts = [form for form in seen.all("form") if form.get("method") == "post"]
        assert len(tokens) == len(posts) > 0
        assert all(len(str(field["value"])) > 30 for field in tokens)


def test_a_waiting_execution_says_for_what(pages: Pages) -> None:
    waits = WaitingFor(kind="slot", name="execution slot", since=BEGIN + timedelta(seconds=5))
    view = FakeWorker().add(status=ExecutionStatus.PENDING)
    html = shown(pages, view.model_copy(update={"waiting_for": waits}))
    assert "Waits for execution slot" in html


def test_the_list_says_for_what_an_execution_waits(pages: Pages) -> None:
    waits = WaitingFor(kind="gateway", name="http://plant:8088", since=BEGIN, held_by="x")
    view = FakeWorker().add(status=ExecutionStatus.PENDING)
    page = ExecutionPage(items=(view.model_copy(update={"waiting_for": waits}),), total=1)
    html = pages.executions(FRAME, page, NOTHING)
    assert '<span class="waits">waits for gateway http://plant:8088</span>' in html


def test_what_could_not_be_stopped_says_what_it_blocks_and_has_a_button_to_release_it(
    pages: Pages,
) -> None:
    view = FakeWorker().add_blocking()
    html = shown(pages, view)
    assert "Blocks gateway http://plant:8088 until somebody releases it" in html
    assert shown_buttons(html) == ["rerun", "release"]
    html = shown(pages, view.model_copy(update={"status": ExecutionStatus.RUNNING}))
    assert "Blocks gateway" not in html
    assert "release" not in shown_buttons(html)


def shown_buttons(html: str) -> list[str]:
    """Return the actions whose buttons are shown."""
    return [name for name, button in buttons_of(html).items() if "hidden" not in button]


def buttons_of(html: str) -> dict[str, dict[str, str | None]]:
    """Return the attributes of each button that acts on an execution, by what it does."""
    found: dict[str, dict[str, str | None]] = {}
    action = ""
    for tag, attributes in Seen(html).tags:
        if tag == "form":
            action = attributes.get("data-action") or ""
        elif tag == "button" and attributes.get("id") == "run-again":
            found["rerun"] = attributes
        elif tag == "button" and action and "form" not in attributes:
            found[action] = attributes
    return found
