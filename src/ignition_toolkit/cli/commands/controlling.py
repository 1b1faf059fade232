"""`itk cancel`, `pause`, `resume`, `skip`, `rerun`, `release`: change what a server runs or keeps.

Imports no views with it: a cancel should be on its way soon.
"""

from __future__ import annotations

from ignition_toolkit.cli.asking import address, as_text, ask
from ignition_toolkit.cli.output import stdout
from ignition_toolkit.cli.text import plural, printable
from ignition_toolkit.errors import OperatorError

#: What is said when the server has accepted it.
DONE = {
    "cancel": "is being cancelled; `itk show {id}` has the record",
    "pause": "pauses after the current step; `itk resume {id}` goes on",
    "resume": "goes on",
    "skip": "skips the current step, or the next one",
}


def cancel(
    server: str | None, execution_id: str | None, *, every: bool, as_json: bool = False
) -> None:
    """Cancel one execution, or every one that is not over."""
    if every == (execution_id is not None):
        raise OperatorError("name one execution to cancel, or --all for every one: one of the two")
    if execution_id is not None:
        control(server, execution_id, "cancel", as_json=as_json)
        return
    answer = ask(server, lambda client: client.post("/api/executions/cancel"))
    stdout().write(as_text(answer) if as_json else _all_of(answer["execution_ids"]))


def control(server: str | None, execution_id: str, verb: str, *, as_json: bool = False) -> None:
    """Ask for one of the verbs of DONE."""
    answer = ask(server, lambda client: client.post(address(execution_id, verb)))
    if as_json:
        stdout().write(as_text(answer))
        return
    already = " already" if answer.get("already") else ""
    done = DONE[verb].format(id=execution_id)
    stdout().write(f"{execution_id}{already} {done} (status {answer['status']})\n")


def rerun(
    server: str | None,
    execution_id: str,
    from_step: str | None,
    *,
    newest: bool,
    as_json: bool = False,
) -> None:
    """Have an execution run again; print the id of the new one."""
    body: dict[str, str] = {"text": "newest" if newest else "snapshot"}
    if from_step is not None:
        # What a shell passes may be no text; then it names no step either.
        body["from_step"] = from_step.encode("utf-8", "backslashreplace").decode("utf-8")
    answer = ask(server, lambda client: client.post(address(execution_id, "rerun"), body))
    if as_json:
        stdout().write(as_text(answer))
        return
    new, status = answer["execution_id"], answer["status"]
    stdout().write(
        f"{new} runs {execution_id} again; `itk logs -f {new}` follows it (status {status})\n"
    )


def release(
    server: str | None, execution_id: str, *, artifacts: bool = False, as_json: bool = False
) -> None:
    """Free what an execution blocks that could not be stopped, or its withheld artifacts."""
    verb = "release-artifacts" if artifacts else "release"
    answer = ask(server, lambda client: client.post(address(execution_id, verb)))
    if as_json:
        stdout().write(as_text(answer))
        return
    if artifacts:
        text = "are given out as they are from now on; they may hold secrets"
        stdout().write(f"the artifacts of {execution_id} {text}\n")
        return
    # Imported here: a cancel does without.
    from ignition_toolkit.execution.views import ReleaseAnswer

    names = ", ".join(claim.title for claim in ReleaseAnswer.model_validate(answer).released)
    stdout().write(f"{execution_id} no longer blocks {printable(names)}\n")


def _all_of(ids: list[str]) -> str:
    if not ids:
        return "nothing runs: nothing to cancel\n"
    count = plural(len(ids), "execution")
    return "\n".join([f"{count} {'is' if len(ids) == 1 else 'are'} being cancelled", *ids, ""])
