"""An execution and its cancellation record read as a person would tell them."""

import pytest

from ignition_toolkit.cli.records import (
    cancellation_lines,
    execution_lines,
    executions_table,
    summary_line,
)
from ignition_toolkit.execution.views import Claim, Holding, WaitingFor
from ignition_toolkit.playbook.models import (
    CancelOutcome,
    CancelSource,
    Leftover,
    OnCancelResult,
    StepStatus,
)
from tests.unit.cli.samples import EXECUTION_ID, T0, after, execution, marked, plain, record, step


@pytest.fixture(autouse=True)
def in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times are shown where the reader is; here that is Greenwich."""
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def test_an_execution_shows_what_happened_and_to_which_step() -> None:
    steps = (
        step("wait", "completed", completed_at=after(2.1)),
        step("ask", "failed", completed_at=after(5), attempts=3, error="no answer\nat all"),
        step("tell", "pending", started_at=None),
        step("nested/inner", "skipped", parent_step_id="nested"),
        step("on_cancel/tidy", "completed"),
    )
    view = execution(
        "failed",
        completed_at=after(5.4),
        requested_by="anna",
        parameters={"url": "http://a", "password": "***"},
        error="step ask failed",
        step_results=steps,
    )
    assert list(execution_lines(view, plain)) == [
        f"execution  {EXECUTION_ID}",
        "playbook   Wait and tell (examples/wait.yaml)",
        "status     failed",
        "created    2026-11-05 12:00:00, by anna",
        "started    2026-11-05 12:00:00",
        "ended      2026-11-05 12:00:05, after 5.4 s",
        "parameters url=http://a, password=***",
        "error      step ask failed",
        "",
        "completed  wait: The step wait (2.1 s)",
        "failed     ask: The step ask (5.0 s, 3 attempts)",
        r"             no answer\nat all",
        "not run    tell: The step tell",
        "skipped      inner: The step nested/inner",
        "completed  on_cancel/tidy: The step on_cancel/tidy",
    ]


def test_a_cancellation_record_says_all_that_it_knows() -> None:
    full = record(
        in_flight=("POST http://gw/restart",),
        leftovers=(Leftover(pid=9, name="sleep", why="belongs to another user"),),
        on_cancel=(
            OnCancelResult(step_id="tidy", status=StepStatus.COMPLETED),
            OnCancelResult(step_id="mail", status=StepStatus.FAILED, error="no host"),
        ),
    )
    assert list(cancellation_lines(full)) == [
        "cancel asked for by anna (cli) at 2026-11-05 12:00:03",
        "  outcome      killed: the step did not end by itself and was killed",
        "  step         wait",
        "  step stopped after 261 ms",
        "  all gone     after 270 ms",
        "  stuck at     handler.py:12 in execute",
        "  killed       2 processes: 41 python, 42 sleep",
        "  in flight    POST http://gw/restart (begun, not answered: it may have taken effect)",
        "  LEFT OVER    process 9 sleep: belongs to another user",
        "  on_cancel    tidy completed",
        "  on_cancel    mail failed: no host",
    ]


def test_a_record_without_figures_says_only_that_it_was_asked_for() -> None:
    bare = record(
        requested_by=None,
        source=CancelSource.SHUTDOWN,
        step_id=None,
        outcome=None,
        step_stopped_ms=None,
        tree_gone_ms=None,
        killed=(),
        stuck_at=None,
    )
    assert list(cancellation_lines(bare)) == ["cancel asked for (shutdown) at 2026-11-05 12:00:03"]


@pytest.mark.parametrize("outcome", list(CancelOutcome))
def test_every_outcome_is_explained(outcome: CancelOutcome) -> None:
    lines = list(cancellation_lines(record(outcome=outcome)))
    assert any(line.startswith(f"  outcome      {outcome}: ") for line in lines)


def test_a_step_that_timed_out_shows_its_own_record() -> None:
    timed_out = step("wait", "failed", error="longer than 3 s", cancellation=record())
    lines = list(execution_lines(execution("running", step_results=(timed_out,)), plain))
    assert "             cancel asked for by anna (cli) at 2026-11-05 12:00:03" in lines


def test_the_last_line_says_how_it_ended() -> None:
    done = execution("failed", completed_at=after(4), error="step ask failed")
    assert summary_line(done, marked) == "<red>failed</> after 4.0 s: step ask failed"
    never_started = execution("cancelled", started_at=None, completed_at=after(4))
    assert summary_line(never_started, plain) == "cancelled"


def test_a_table_colours_the_status_and_keeps_its_columns() -> None:
    waiting = WaitingFor(kind="gateway", name="plant-1", since=T0, held_by="0192")
    text = executions_table(
        [
            execution("completed", completed_at=after(3)),
            execution("pending", started_at=None, waiting_for=waiting),
        ],
        marked,
    )
    head, first, second = text.splitlines()
    assert head.split() == ["ID", "STATUS", "CREATED", "TOOK", "PLAYBOOK"]
    assert f"{EXECUTION_ID}  <green>completed</>  2026-11-05 12:00:00  3.0 s" in first
    assert "<dim>pending</>" in second
    assert second.endswith("waits for gateway plant-1 since 12:00:00, held by 0192")
    assert first.replace("<green>", "").replace("</>", "").index("Wait") == head.index("PLAYBOOK")


def test_withheld_artifacts_are_told_with_the_reason() -> None:
    lines = execution_lines(execution("interrupted", artifacts_withheld="lost\x1b"), plain)
    assert "artifacts  withheld: lost\\x1b" in list(lines)


def test_what_an_execution_holds_is_shown_and_how_it_is_released() -> None:
    holds = Holding(claims=(Claim("desktop", "the desktop"), Claim("gateway", "http://a:8088")))
    running = list(execution_lines(execution("running", holds=holds), plain))
    assert "holds      the desktop, gateway http://a:8088" in running
    failed = execution("failed", completed_at=after(3), holds=holds)
    blocks = f"the desktop, gateway http://a:8088 until `itk release {EXECUTION_ID}`"
    assert f"blocks     {blocks}" in list(execution_lines(failed, plain))
    _, first, second = executions_table(
        [failed, execution("running", holds=holds)], plain
    ).splitlines()
    assert first.endswith(f", blocks {blocks}")
    assert "gateway" not in second


def test_a_playbook_called_like_a_status_is_not_coloured() -> None:
    text = executions_table([execution("failed", playbook_name="running")], marked)
    assert "<red>failed</>" in text
    assert "<cyan>" not in text
