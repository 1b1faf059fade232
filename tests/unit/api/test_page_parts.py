"""What pages are put together from: windows on a log, files, checks, health."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import httpx2
import pytest
from fastapi import FastAPI

from ignition_toolkit.api.parts import Parts
from ignition_toolkit.api.routes import page_logs
from ignition_toolkit.errors import StoreError
from ignition_toolkit.playbook.models import CancelSource, ExecutionStatus
from tests.unit.api.fake_worker import BEGIN, FakeWorker
from tests.unit.api.test_page_routes import PATH, submit


@pytest.fixture
def token(app: FastAPI) -> str:
    parts: Parts = app.state.parts
    return parts.form_token.value


def lines_of(html: str) -> list[str]:
    """Return what the lines of a log say."""
    return re.findall(r'<span class="text">(.*?)</span>', html)


@pytest.fixture
def talk(worker: FakeWorker, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the id of an execution with twenty lines; a page shows eight."""
    monkeypatch.setattr(page_logs, "LOG_LINES", 8)
    monkeypatch.setattr(page_logs, "LINES_AFTER", 3)
    execution_id = worker.add().execution_id
    for number in range(20):
        worker.log(execution_id, f"line {number}")
    return execution_id


async def test_a_log_ends_with_the_newest_line_and_older_ones_are_a_click_away(
    client: httpx2.AsyncClient, talk: str
) -> None:
    html = (await client.get(f"/executions/{talk}/log")).text
    assert lines_of(html) == [f"line {n}" for n in range(12, 20)]
    assert 'data-newest="yes"' in html
    assert "Show the newest lines" not in html
    older = re.search(r'hx-get="(/executions/[^"]+before=13)"', html)
    assert older
    html = (await client.get(older[1])).text
    assert lines_of(html) == [f"line {n}" for n in range(4, 12)]
    assert 'data-newest="no"' in html
    assert "Show the newest lines" in html
    first = (await client.get(f"/executions/{talk}/log?before=5")).text
    assert lines_of(first) == [f"line {n}" for n in range(4)]
    assert is_hidden(first, "log-older")
    assert not is_hidden(html, "log-older")


def is_hidden(html: str, name: str) -> bool:
    """Whether the element with an id is hidden."""
    found = re.search(f'<[^>]* id="{name}"[^>]*>', html)
    assert found
    return " hidden" in found[0]


async def test_a_log_says_how_many_lines_are_missing_from_it(
    client: httpx2.AsyncClient, worker: FakeWorker, talk: str
) -> None:
    html = (await client.get(f"/executions/{talk}")).text
    assert is_hidden(html, "log-lost")
    for count in (4, 12_300):
        worker.log(talk, "some are missing", dropped=count)
    html = (await client.get(f"/executions/{talk}")).text
    assert not is_hidden(html, "log-lost")
    assert '<strong id="log-lost-count">12,304</strong>' in html
    assert 'data-last-note="22"' in html


async def test_a_log_names_the_event_up_to_which_it_is_complete(
    client: httpx2.AsyncClient, worker: FakeWorker, talk: str
) -> None:
    worker.put(talk, status=ExecutionStatus.PAUSED)
    for path in (f"/executions/{talk}", f"/executions/{talk}/log?q=nothing"):
        assert 'data-upto="21"' in (await client.get(path)).text


async def test_a_link_to_a_line_shows_those_around_it_whatever_the_filter_is(
    client: httpx2.AsyncClient, talk: str
) -> None:
    html = (await client.get(f"/executions/{talk}?line=10&q=nothing")).text
    assert lines_of(html) == [f"line {n}" for n in range(5, 13)]
    assert 'id="line-10" data-level="info" class="wanted"' in html
    assert 'data-newest="no"' in html
    last = (await client.get(f"/executions/{talk}?line=19")).text
    assert lines_of(last)[-1] == "line 19"
    assert 'data-newest="yes"' in last


async def test_a_filter_stays_in_every_address_of_the_log(
    client: httpx2.AsyncClient, talk: str
) -> None:
    html = (await client.get(f"/executions/{talk}/log?level=info&q=LINE 1")).text
    assert lines_of(html)[-1] == "line 19"
    assert f'href="/executions/{talk}/log.txt?level=info&amp;q=LINE+1"' in html
    assert "level=info&amp;q=LINE+1&amp;before=" in html
    nothing = (await client.get(f"/executions/{talk}/log?q=nothing")).text
    assert "No line fits." in nothing
    odd = await client.get(f"/executions/{talk}/log?level=loud&q={'x' * 201}")
    assert odd.status_code == 422


async def test_a_log_is_downloaded_whole_or_as_it_is_filtered(
    client: httpx2.AsyncClient, worker: FakeWorker, talk: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_logs, "DOWNLOAD_LINES", 7)
    worker.log(talk, "two\nlines")
    answer = await client.get(f"/executions/{talk}/log.txt")
    assert answer.headers["content-disposition"].startswith("attachment; filename*=utf-8''")
    lines = answer.text.splitlines()
    assert len(lines) == 22
    at = BEGIN.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert lines[0] == f"{at} info    step1 line 0"
    assert lines[-1] == "    lines"
    filtered = (await client.get(f"/executions/{talk}/log.txt?q=line 1")).text
    assert len(filtered.splitlines()) == 11


async def test_an_execution_is_exported_as_json_and_as_junit(
    client: httpx2.AsyncClient, worker: FakeWorker
) -> None:
    execution_id = worker.add(status=ExecutionStatus.FAILED).execution_id
    answer = await client.get(f"/executions/{execution_id}/export.json")
    assert json.loads(answer.text) == (await client.get(f"/api/executions/{execution_id}")).json()
    assert "attachment" in answer.headers["content-disposition"]
    answer = await client.get(f"/executions/{execution_id}/export.xml")
    assert ElementTree.fromstring(answer.text).tag == "testsuites"
    assert "attachment" in answer.headers["content-disposition"]


async def test_an_artifact_is_a_download_that_can_do_nothing(
    client: httpx2.AsyncClient, worker: FakeWorker, tmp_path: Path
) -> None:
    execution_id = worker.add().execution_id
    worker.artifacts_dir = tmp_path
    name = 'deep/a "b" & <i>.html'
    (tmp_path / execution_id / "deep").mkdir(parents=True)
    (tmp_path / execution_id / name).write_text("<script>alert(1)</script>")
    html = (await client.get(f"/executions/{execution_id}")).text
    link = re.search(r'href="(/executions/[^"]+/artifacts/[^"]+)" download', html)
    assert link
    answer = await client.get(link[1])
    assert answer.text == "<script>alert(1)</script>"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    part = (await client.get(f"/executions/{execution_id}/artifacts")).text
    assert link[0] in part
    assert not is_hidden(part, "artifacts")
    missing = await client.get(f"/executions/{execution_id}/artifacts/..%2F..%2Fpasswd")
    assert missing.status_code == 404


async def test_withheld_artifacts_are_not_listed_and_the_page_says_why(
    client: httpx2.AsyncClient, worker: FakeWorker, tmp_path: Path
) -> None:
    execution_id = worker.add(status=ExecutionStatus.INTERRUPTED).execution_id
    worker.artifacts_dir = tmp_path
    (tmp_path / execution_id).mkdir()
    (tmp_path / execution_id / "a.log").write_text("secret")
    worker.withheld[execution_id] = "its secrets are <lost>"
    for address in (f"/executions/{execution_id}", f"/executions/{execution_id}/artifacts"):
        html = (await client.get(address)).text
        assert "Withheld: its secrets are &lt;lost&gt;." in html
        assert "a.log" not in html
        assert not is_hidden(html, "artifacts")
    answer = await client.get(f"/executions/{execution_id}/artifacts/a.log")
    assert answer.status_code == 409
    assert "secret" not in answer.text.replace("its secrets are", "")


async def test_a_form_is_checked_while_it_is_filled(client: httpx2.AsyncClient, token: str) -> None:
    fields = {"form_token": token, "playbook_path": PATH, "parameter.seconds": "soon"}
    answer = await submit(client, "/check", fields)
    assert "expected a number" in answer.text
    assert 'id="message-0" hx-swap-oob="true"' in answer.text
    assert "itk run tests/test_cancellation.yaml -p seconds=soon -p who=WHO" in answer.text
    assert (await submit(client, "/check", {**fields, "form_token": "x"})).status_code == 403


async def test_a_form_is_filled_as_for_the_last_run_unless_it_is_to_be_fresh(
    client: httpx2.AsyncClient, worker: FakeWorker
) -> None:
    view = worker.add(status=ExecutionStatus.COMPLETED)
    worker.put(view.execution_id, parameters={"seconds": 77, "who": "***"})
    html = (await client.get(f"/playbooks/{PATH}")).text
    assert 'value="77"' in html
    assert "***" not in html
    assert f'href="/executions/{view.execution_id}"' in html
    fresh = (await client.get(f"/playbooks/{PATH}?fresh=1")).text
    assert 'value="77"' not in fresh
    assert 'value="30"' in fresh


async def test_the_list_is_filtered_and_says_so_when_nothing_fits(
    client: httpx2.AsyncClient, worker: FakeWorker
) -> None:
    done = worker.add(status=ExecutionStatus.COMPLETED).execution_id
    runs = worker.add().execution_id
    html = (await client.get("/")).text
    assert html.index(runs) < html.index(done)
    completed = (await client.get("/?status=completed")).text
    assert f'data-id="{done}"' in completed
    assert f'data-id="{runs}"' not in completed
    none = (await client.get("/?status=failed&within=1h")).text
    assert "No execution fits" in none
    assert (await client.get("/?status=nonsense&within=always")).status_code == 200


async def test_a_page_that_tells_of_a_problem_is_live_too_where_the_worker_answers(
    client: httpx2.AsyncClient, worker: FakeWorker
) -> None:
    view = worker.add()
    worker.put(view.execution_id, status=ExecutionStatus.PAUSED)
    person = {"accept": "text/html"}
    html = (await client.get("/nothing", headers=person)).text
    assert f'data-ids="{view.execution_id}"' in html
    assert 'data-after="1"' in html
    assert "live.js" in html
    assert 'id="cancel-all-dialog"' in html
    worker.error = StoreError("the disk is full")
    answer = await client.get("/nothing", headers=person)
    assert answer.status_code == 404
    assert "live.js" not in answer.text


async def test_every_page_says_what_runs_and_offers_to_cancel_all_of_it(
    client: httpx2.AsyncClient, worker: FakeWorker, token: str
) -> None:
    over = worker.add(status=ExecutionStatus.FAILED).execution_id
    paths = ["/", "/playbooks", f"/playbooks/{PATH}", "/health", f"/executions/{over}"]
    for path in paths:
        assert re.search('id="busy"[^>]* hidden', (await client.get(path)).text), path
    runs = worker.add().execution_id
    for path in paths:
        html = (await client.get(path)).text
        assert f'data-ids="{runs}" data-more="0">' in html, path
        assert "1 running" in html
    assert "Test Cancellation" in (await client.get("/cancel-all")).text
    assert (await submit(client, "/cancel-all", {"form_token": "x"})).status_code == 403
    assert worker.cancels == []
    answer = await submit(client, "/cancel-all", {"form_token": token})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert worker.cancels == [(runs, CancelSource.WEB, "127.0.0.1")]


async def test_the_health_page_shows_the_last_cancels_and_what_is_kept(
    client: httpx2.AsyncClient, worker: FakeWorker
) -> None:
    assert "Nothing has been cancelled yet" in (await client.get("/health")).text
    worker.finish_cancelled(worker.add().execution_id)
    html = (await client.get("/health")).text
    assert "<title>Test Cancellation: 281 ms</title>" in html
    assert "1.2 MB" in html
    assert "completed executions for 30 days, others for 90" in html
    worker.error = StoreError("the disk is full")
    assert (await client.get("/health", headers={"accept": "text/html"})).status_code == 503


async def test_a_thousand_steps_are_rendered_in_a_moment(
    client: httpx2.AsyncClient, worker: FakeWorker
) -> None:
    view = worker.add(status=ExecutionStatus.COMPLETED)
    step = view.step_results[0]
    steps = tuple(step.model_copy(update={"step_id": f"s{n}"}) for n in range(1000))
    worker.put(view.execution_id, step_results=steps)
    answer = await client.get(f"/executions/{view.execution_id}")
    assert answer.text.count('class="step"') == 1001
    assert len(answer.text) < 2_000_000


async def test_scripts_that_name_each_other_are_asked_for_each_time(
    client: httpx2.AsyncClient,
) -> None:
    html = (await client.get("/")).text
    versioned = re.search(r'"(/static/live\.js\?v=[^"]+)"', html)
    assert versioned
    assert "max-age" in (await client.get(versioned[1])).headers["cache-control"]
    plain = await client.get("/static/words.js")
    assert plain.headers["cache-control"] == "no-cache"
    again = await client.get("/static/words.js", headers={"if-none-match": plain.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
