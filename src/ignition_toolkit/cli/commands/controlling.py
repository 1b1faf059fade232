"""`itk cancel`, `pause`, `resume`, `skip`: change what an execution on a server does.

Imports no views: a cancel should be on its way soon.
"""

from __future__ import annotations

from ignition_toolkit.cli.asking import address, ask
from ignition_toolkit.cli.output import stdout
from ignition_toolkit.cli.text import plural
from ignition_toolkit.errors import OperatorError

#: What is said when the server has accepted it.
DONE = {
    "cancel": "is being cancelled; `itk show {id}` has the record",
    "pause": "pauses after the current step; `itk resume {id}` goes on",
    "resume": "goes on",
    "skip": "skips the current step, or the next one",
}


def cancel(server: str | None, execution_id: str | None, *, every: bool) -> None:
    """Cancel one execution, or every one that is not over."""
    if every == (execution_id is not None):
        raise OperatorError("name one execution to cancel, or --all for every one: one of the two")
    if execution_id is not None:
        control(server, execution_id, "cancel")
        return
    answer = ask(server, lambda client: client.post("/api/executions/cancel"))
    ids = answer["execution_ids"]
    count = plural(len(ids), "execution")
    lines = [f"{count} {'is' if len(ids) == 1 else 'are'} being cancelled", *ids]
    stdout().write("\n".join(lines) + "\n" if ids else "nothing runs: nothing to cancel\n")


def control(server: str | None, execution_id: str, verb: str) -> None:
    """Ask for one of the verbs of DONE."""
    answer = ask(server, lambda client: client.post(address(execution_id, verb)))
    already = " already" if answer.get("already") else ""
    done = DONE[verb].format(id=execution_id)
    stdout().write(f"{execution_id}{already} {done} (status {answer['status']})\n")
