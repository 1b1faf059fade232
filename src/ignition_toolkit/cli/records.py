"""An execution, its steps and its cancellation record as lines of text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from ignition_toolkit.cli.text import (
    STATUS_COLOURS,
    duration,
    local_date_time,
    local_time,
    milliseconds,
    plural,
    printable,
    table,
)
from ignition_toolkit.execution.views import ExecutionSummary, ExecutionView, StepView
from ignition_toolkit.playbook.models import (
    CancellationRecord,
    CancelOutcome,
    StepStatus,
    utc_now,
)

Style = Callable[[str, str], str]

OUTCOMES = {
    CancelOutcome.COOPERATIVE: "the step ended by itself",
    CancelOutcome.KILLED: "the step did not end by itself and was killed",
    CancelOutcome.TOO_LATE: "every step had ended before the cancel arrived",
    CancelOutcome.WORKER_LOST: "the worker died after the cancel was asked for; "
    "what it left was ended afterwards",
    CancelOutcome.NOT_STOPPED: "something could not be ended and may still act, see leftovers",
}


def status_word(status: str, style: Style, width: int = 0) -> str:
    """Return a status in its colour, filled up with blanks to `width`."""
    return style(status, STATUS_COLOURS[status]) + " " * (width - len(status))


def execution_lines(view: ExecutionView, style: Style) -> Iterator[str]:
    """Yield everything a person wants to know of an execution."""
    yield f"execution  {view.execution_id}"
    yield f"playbook   {playbook_title(view)}"
    yield f"status     {status_word(view.status, style)}"
    yield from _times(view)
    if view.waiting_for:
        yield f"waits for  {waiting_text(view)}"
    if view.rerun_of:
        yield f"rerun of   {view.rerun_of}{_taken_over(view)}"
    if view.holds:
        yield f"{'blocks' if view.status.final else 'holds':<10} {holding_text(view)}"
    if view.artifacts_withheld:
        yield f"artifacts  withheld: {printable(view.artifacts_withheld)}"
    if view.parameters:
        given = (f"{name}={printable(str(value))}" for name, value in view.parameters.items())
        yield f"parameters {', '.join(given)}"
    if view.error:
        yield f"error      {printable(view.error)}"
    if view.step_results:
        yield ""
        yield from step_lines(view.step_results, style)
    if view.cancellation:
        yield ""
        yield from cancellation_lines(view.cancellation)


def _taken_over(view: ExecutionSummary) -> str:
    if not view.rerun_from_step:
        return ""
    return f", from step {printable(view.rerun_from_step)}; the steps before it are taken over"


def playbook_title(view: ExecutionSummary) -> str:
    """Return name and path of an execution's playbook."""
    return f"{printable(view.playbook_name)} ({printable(view.playbook_path)})"


def waiting_text(view: ExecutionSummary) -> str:
    """Return what a pending execution waits for; empty when it does not wait."""
    if not view.waiting_for:
        return ""
    waits = view.waiting_for
    held = f", held by {waits.held_by}" if waits.held_by else ""
    return f"{printable(waits.title)} since {local_time(waits.since)}{held}"


def holding_text(view: ExecutionSummary) -> str:
    """Return what an execution holds, and how to release it when it is over; empty for nothing."""
    if not view.holds:
        return ""
    release = f" until `itk release {view.execution_id}`" if view.status.final else ""
    return f"{printable(view.holds.title)}{release}"


def step_lines(steps: Iterable[StepView], style: Style) -> Iterator[str]:
    """Yield a line per step, with its error or its own cancellation below it."""
    for step in steps:
        indent = "  " * step.step_id.count("/") if step.parent_step_id else ""
        yield f"{status_word(_word(step), style, 10)} {indent}{_step_title(step)}{_facts(step)}"
        if step.error:
            yield f"           {indent}  {printable(step.error)}"
        if step.cancellation:
            yield from (f"           {indent}  {x}" for x in cancellation_lines(step.cancellation))


def summary_line(view: ExecutionSummary, style: Style) -> str:
    """Return the one line that says how an execution ended."""
    word = style(view.status, STATUS_COLOURS[view.status])
    took = _took(view.started_at, view.completed_at)
    error = f": {printable(view.error)}" if view.error else ""
    return f"{word}{f' after {took}' if took else ''}{error}"


def cancellation_lines(record: CancellationRecord) -> Iterator[str]:
    """Yield what a cancel did, with its figures."""
    by = f" by {printable(record.requested_by)}" if record.requested_by else ""
    at = local_date_time(record.requested_at)
    yield f"cancel asked for{by} ({record.source}) at {at}"
    for name, text in _record_facts(record):
        yield f"  {name:<13}{text}"


def _record_facts(record: CancellationRecord) -> Iterator[tuple[str, str]]:
    if record.outcome:
        yield "outcome", f"{record.outcome}: {OUTCOMES[record.outcome]}"
    if record.step_id:
        yield "step", printable(record.step_id)
    if record.step_stopped_ms is not None:
        yield "step stopped", f"after {milliseconds(record.step_stopped_ms)}"
    if record.tree_gone_ms is not None:
        yield "all gone", f"after {milliseconds(record.tree_gone_ms)}"
    if record.stuck_at:
        yield "stuck at", printable(record.stuck_at)
    if record.killed:
        listed = ", ".join(f"{process.pid} {process.name}" for process in record.killed)
        yield "killed", f"{plural(len(record.killed), 'process')}: {printable(listed)}"
    for request in record.in_flight:
        yield "in flight", f"{printable(request)} (begun, not answered: it may have taken effect)"
    for left in record.leftovers:
        yield "LEFT OVER", printable(f"process {left.pid} {left.name}: {left.why or left.state}")
    for step in record.on_cancel:
        error = f": {printable(step.error)}" if step.error else ""
        yield "on_cancel", f"{printable(step.step_id)} {step.status}{error}"


def _times(view: ExecutionSummary) -> Iterator[str]:
    yield f"created    {local_date_time(view.created_at)}{_by(view.requested_by)}"
    if view.started_at:
        yield f"started    {local_date_time(view.started_at)}"
    if view.completed_at:
        took = _took(view.started_at, view.completed_at)
        yield f"ended      {local_date_time(view.completed_at)}{f', after {took}' if took else ''}"


def _by(name: str | None) -> str:
    return f", by {printable(name)}" if name else ""


def _word(step: StepView) -> str:
    return "not run" if step.status is StepStatus.PENDING else step.status


def _step_title(step: StepView) -> str:
    # Without a parent the whole id is needed, as of the steps under on_cancel.
    own_id = step.step_id.rpartition("/")[2] if step.parent_step_id else step.step_id
    return f"{printable(own_id)}: {printable(step.step_name)}"


def _facts(step: StepView) -> str:
    took = _took(step.started_at, step.completed_at)
    facts = [took] if took else []
    if step.attempts > 1:
        facts.append(f"{step.attempts} attempts")
    return f" ({', '.join(facts)})" if facts else ""


def _took(start: datetime | None, end: datetime | None) -> str:
    return duration((end - start).total_seconds()) if start and end else ""


def executions_table(items: Iterable[ExecutionSummary], style: Style) -> str:
    """Return a table of executions, one per line."""
    rows = [
        (item.execution_id, item.status, local_date_time(item.created_at), _age(item), _what(item))
        for item in items
    ]
    text = table(("ID", "STATUS", "CREATED", "TOOK", "PLAYBOOK"), rows)
    return "".join(_coloured(line, style) for line in text.splitlines(keepends=True))


def _coloured(line: str, style: Style) -> str:
    """Colour the status of a table's line; before, its escapes would spoil the widths."""
    word = line.split()[1]
    return line.replace(word, status_word(word, style), 1) if word in STATUS_COLOURS else line


def _age(item: ExecutionSummary) -> str:
    end = item.completed_at or (None if item.status.final else utc_now())
    return _took(item.started_at, end)


def _what(item: ExecutionSummary) -> str:
    waits = waiting_text(item)
    blocks = holding_text(item) if item.status.final else ""
    more = f", waits for {waits}" if waits else f", blocks {blocks}" if blocks else ""
    return f"{playbook_title(item)}{more}"
