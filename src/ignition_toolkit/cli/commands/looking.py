"""`itk list`, `itk show`, `itk logs`: look at executions on a server."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

from ignition_toolkit.cli.asking import address, as_text, ask
from ignition_toolkit.cli.client import ServerClient
from ignition_toolkit.cli.events import Event
from ignition_toolkit.cli.narrator import Narrator
from ignition_toolkit.cli.output import Output, say, stdout, styler
from ignition_toolkit.cli.records import execution_lines, executions_table
from ignition_toolkit.cli.screens import lines_of
from ignition_toolkit.cli.stream import events_so_far, follow_events
from ignition_toolkit.cli.text import table
from ignition_toolkit.errors import OperatorError
from ignition_toolkit.execution.views import ExecutionPage, ExecutionView, LogEvent
from ignition_toolkit.playbook.models import ExecutionStatus
from ignition_toolkit.playbook.wording import nearest


def list_executions(server: str | None, status: str | None, limit: int, *, as_json: bool) -> None:
    """Print a page of executions, newest first."""
    params: dict[str, str | int] = {"limit": limit}
    if status is not None:
        params["status"] = _checked_status(status)
    answer = ask(server, lambda client: client.get("/api/executions", params))
    out = stdout()
    if as_json:
        out.write(as_text(answer))
        return
    page = ExecutionPage.model_validate(answer)
    if page.items:
        out.write(executions_table(page.items, styler(out)))
    if page.total > len(page.items):
        say(f"itk: {len(page.items)} of {page.total} are shown; --limit shows more")
    elif status is not None and not page.total:
        say(f"itk: there are no executions with the status {status}")
    elif not page.total:
        say("itk: there are no executions yet; `itk run PLAYBOOK` starts one")


def list_library(server: str | None, *, as_json: bool) -> None:
    """Print the playbooks of a server's library; what does not load is marked on stderr."""
    answer = ask(server, lambda client: client.get("/api/playbooks"))
    out = stdout()
    if as_json:
        out.write(as_text(answer))
        return
    rows = [(entry["path"], entry["name"] if entry["valid"] else "") for entry in answer]
    if rows:
        out.write(table(("PATH", "NAME"), rows))
    for entry in answer:
        for problem in entry["problems"]:
            say(f"itk: {problem}")


def show(server: str | None, execution_id: str, *, as_json: bool, junit: bool = False) -> None:
    """Print one execution with its steps and its cancellation record, or as JUnit XML."""
    if as_json and junit:
        raise OperatorError("--json and --junit are two forms of the same: give one of the two")
    answer = ask(server, lambda client: client.get(address(execution_id)))
    out = stdout()
    if as_json:
        out.write(as_text(answer))
        return
    view = ExecutionView.model_validate(answer)
    out.write(_junit(view) if junit else lines_of(execution_lines(view, styler(out))))


def _junit(view: ExecutionView) -> str:
    # Imported here: most who look do not want it.
    from ignition_toolkit.execution.junit import junit_xml

    # In ASCII: what the locale cannot show would become something else than the file says.
    return junit_xml(view).encode("ascii", "xmlcharrefreplace").decode("ascii")


def logs(server: str | None, execution_id: str, *, follow: bool, as_json: bool) -> None:
    """Print what an execution's steps have logged and printed; with `follow` to its end."""
    out = stdout()
    shown = json_line if as_json else _log_line(out)
    source = follow_events if follow else events_so_far

    async def print_all(client: ServerClient) -> None:
        # Asked first: an unknown id is an error, and an empty log is none.
        await client.get(address(execution_id))
        async with aclosing(source(client, execution_id)) as events:
            await _print_logs(events, out, shown)

    ask(server, print_all)


async def _print_logs(
    events: AsyncIterator[Event], out: Output, shown: Callable[[Event], str]
) -> None:
    async for event in events:
        if event.kind == "log":
            await out.send(shown(event))
        if out.reader_gone:
            return


def _log_line(out: Output) -> Callable[[Event], str]:
    narrator = Narrator(styler(out))
    return lambda event: narrator.log(LogEvent.model_validate(event.data)) + "\n"


def json_line(event: Event) -> str:
    """Return a log event as one line of JSON."""
    return json.dumps(event.data) + "\n"


def _checked_status(status: str) -> str:
    if status in set(ExecutionStatus):
        return status
    known = ", ".join(ExecutionStatus)
    raise OperatorError(f"--status: expected one of {known}{nearest(status, ExecutionStatus)}")
