"""An execution as JUnit XML, for CI systems: the suite is the playbook, a case is a step.

Written by hand: the libraries for this are dead or write control characters that no reader takes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from xml.etree import ElementTree

from ignition_toolkit.execution.views import ExecutionView, StepView
from ignition_toolkit.playbook.models import ExecutionStatus, StepStatus

#: Characters that XML 1.0 does not know, and those that steer a terminal which shows the file.
_ILLEGAL = re.compile("[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
#: Name of the case that stands for the execution itself, when no step tells how it ended.
EXECUTION_CASE = "(execution)"
#: Characters of a message attribute; the whole text follows in the element.
MAX_MESSAGE = 1000
#: Characters of a class name.
MAX_CLASS_NAME = 100
#: Beginnings of paths that are no library paths: their folders differ from machine to machine.
_OUTSIDE = ("/", "./", "../", "~")


def junit_xml(execution: ExecutionView) -> str:
    """Return an execution as a JUnit document.

    A failed step is a failure, a cancelled one an error of type `cancelled`, a skipped one and
    one that was never reached are skipped. When the execution did not end well, or has not ended
    yet, and no step says so, a case of its own does. Values are as stored, secrets redacted.
    """
    class_name = _class_name(execution.playbook_path)
    cases = [_step_case(class_name, step) for step in execution.step_results]
    if not _is_told(execution.status, cases):
        cases.append(_execution_case(class_name, execution))
    suite = ElementTree.Element(
        "testsuite",
        {
            "name": _legal(execution.playbook_name),
            "timestamp": _second(execution.started_at or execution.created_at),
            "time": _seconds(execution.started_at, execution.completed_at),
            **_counts(cases),
        },
    )
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in _properties(execution):
        ElementTree.SubElement(properties, "property", {"name": name, "value": _legal(value)})
    suite.extend(cases)
    totals = {name: suite.attrib[name] for name in ("name", "time", *_counts(cases))}
    suites = ElementTree.Element("testsuites", totals)
    suites.append(suite)
    ElementTree.indent(suites)
    text = ElementTree.tostring(suites, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _step_case(class_name: str, step: StepView) -> ElementTree.Element:
    name = f"{step.step_id}: {step.step_name}"
    case = _case(class_name, name, _seconds(step.started_at, step.completed_at))
    error = step.error or ""
    if step.status is StepStatus.FAILED:
        _add(case, "failure", "failed", error)
    elif step.status is StepStatus.CANCELLED:
        _add(case, "error", "cancelled", error or "the step was cancelled")
    elif step.status is StepStatus.SKIPPED:
        ElementTree.SubElement(case, "skipped", {"message": "skipped"})
    elif step.status is StepStatus.RUNNING:
        _add(case, "error", "running", error or "the step has not ended yet")
    elif step.status is StepStatus.PENDING:
        ElementTree.SubElement(case, "skipped", {"message": "not run"})
    return case


def _execution_case(class_name: str, execution: ExecutionView) -> ElementTree.Element:
    time = _seconds(execution.started_at, execution.completed_at)
    case = _case(class_name, EXECUTION_CASE, time)
    text = execution.error or f"the execution is {execution.status.value}"
    _add(case, "error", execution.status.value, text)
    return case


def _case(class_name: str, name: str, time: str) -> ElementTree.Element:
    attributes = {"classname": class_name, "name": _legal(name), "time": time}
    return ElementTree.Element("testcase", attributes)


def _add(case: ElementTree.Element, tag: str, kind: str, text: str) -> None:
    message = _legal(text)
    first = next(iter(message.strip().splitlines()), kind)
    attributes = {"type": kind, "message": first[:MAX_MESSAGE]}
    ElementTree.SubElement(case, tag, attributes).text = message


def _is_told(status: ExecutionStatus, cases: Iterable[ElementTree.Element]) -> bool:
    """Whether the steps' cases say how the execution ended; a failure may be an earlier one's."""
    if status is ExecutionStatus.CANCELLED:
        return any(case.find("error[@type='cancelled']") is not None for case in cases)
    if status is ExecutionStatus.FAILED:
        return any(case.find("failure") is not None for case in cases)
    return status is ExecutionStatus.COMPLETED


def _counts(cases: Iterable[ElementTree.Element]) -> dict[str, str]:
    cases = list(cases)
    counts = {"tests": len(cases)}
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        counts[name] = sum(case.find(tag) is not None for case in cases)
    return {name: str(count) for name, count in counts.items()}


def _properties(execution: ExecutionView) -> list[tuple[str, str]]:
    found = [
        ("execution_id", execution.execution_id),
        ("playbook_path", execution.playbook_path),
        ("status", execution.status.value),
    ]
    if execution.cancellation is not None and execution.cancellation.outcome is not None:
        found.append(("cancel_outcome", execution.cancellation.outcome.value))
    if execution.rerun_of is not None:
        found.append(("rerun_of", execution.rerun_of))
    if execution.rerun_from_step is not None:
        found.append(("rerun_from_step", execution.rerun_from_step))
    return found


def _class_name(path: str) -> str:
    """Return a short name that stays the same from run to run and on every machine.

    It is the path with dots; of a file outside the library its name alone. Of a long one the end
    is kept, which tells playbooks apart.
    """
    if path.startswith(_OUTSIDE):
        path = path.rpartition("/")[2]
    name = re.sub(r"\.ya?ml$", "", path).replace("/", ".")
    return _legal(name[-MAX_CLASS_NAME:])


def _legal(text: str) -> str:
    return _ILLEGAL.sub("\ufffd", text)


def _second(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S")


def _seconds(start: datetime | None, end: datetime | None) -> str:
    if start is None or end is None:
        return "0.000"
    return f"{(end - start).total_seconds():.3f}"
