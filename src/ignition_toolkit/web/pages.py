"""The pages as HTML. Every value is escaped: names, outputs and log lines come from strangers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Protocol

from jinja2 import DictLoader, Environment, StrictUndefined, pass_context
from jinja2.runtime import Context

from ignition_toolkit.execution.views import (
    ExecutionPage,
    ExecutionSummary,
    ExecutionView,
    StepView,
)
from ignition_toolkit.playbook.models import ExecutionStatus, timestamp, utc_now
from ignition_toolkit.web import formats
from ignition_toolkit.web.forms import PARAMETER_PREFIX, TOKEN_FIELD, FormToken, shown_value
from ignition_toolkit.web.static_files import StaticFile, address_of

#: Lines of a log that a page holds; older ones are dropped from it.
LOG_LINES = 1000


class LogLine(Protocol):
    """One stored `log` event."""

    @property
    def id(self) -> int:
        """Its number."""
        ...

    @property
    def data(self) -> dict[str, Any]:
        """A `LogEvent` as JSON."""
        ...


@dataclass(frozen=True)
class Attempt:
    """What a person entered to start a playbook, and why it was refused.

    Args:
        fields: the form as it came.
        wrong: messages by parameter.
        problems: lines about the playbook itself.
        failure: one sentence about anything else.
    """

    fields: Mapping[str, str]
    wrong: Mapping[str, str]
    problems: Sequence[str] = ()
    failure: str = ""


class Pages:
    """Renders pages from views. Made once; reads its templates then and never again.

    Args:
        static: the files that pages refer to.
        form_token: goes into every form but the one for the log-in.
        asks_for_token: whether who sees a page has logged in, and may want to log out.
    """

    def __init__(
        self,
        static: Mapping[str, StaticFile],
        form_token: FormToken,
        *,
        asks_for_token: bool = False,
    ) -> None:
        self._environment = _environment()
        self._environment.globals.update(
            static=lambda name: address_of(static[name]),
            form_token=form_token.value,
            asks_for_token=asks_for_token,
            token_field=TOKEN_FIELD,
            prefix=PARAMETER_PREFIX,
            active=formats.ACTIVE,
            progress_facts=progress_facts,
            log_lines=LOG_LINES,
        )
        for name in self._environment.list_templates():
            self._environment.get_template(name)

    def executions(self, page: ExecutionPage, *, offset: int, limit: int, after: int) -> str:
        """Return the list. `after` is the number of the last event that the page contains."""
        return self._render(
            "executions.html", here="executions", page=page, offset=offset, limit=limit, after=after
        )

    def execution(
        self,
        item: ExecutionView,
        logs: Sequence[LogLine],
        attempts: Sequence[ExecutionSummary] = (),
        *,
        after: int,
        notice: str = "",
    ) -> str:
        """Return the page of one execution, `logs` being its newest lines in order.

        Args:
            item: the execution.
            logs: at most LOG_LINES lines.
            attempts: it and those that are linked with it by reruns, oldest first.
            after: the number of the last event that the page surely contains.
            notice: a sentence about what the person has just tried.
        """
        return self._render(
            "execution.html",
            here="executions",
            item=item,
            logs=logs,
            attempts=attempts,
            after=after,
            notice=notice,
            over=item.status.final,
            cancel_label=cancel_label(item),
        )

    def details(self, item: ExecutionView) -> str:
        """Return the parts of an execution's page that a script replaces: record and steps."""
        return self._render("details.html", item=item, over=item.status.final)

    # Any: playbooks as `Worker.playbooks` describes them.
    def playbooks(self, playbooks: Sequence[Mapping[str, Any]]) -> str:
        """Return the library."""
        return self._render("playbooks.html", here="playbooks", playbooks=playbooks)

    # Any: a playbook as `Worker.playbook` describes it.
    def playbook(self, item: Mapping[str, Any], attempt: Attempt | None = None) -> str:
        """Return a playbook with the form that starts it, filled as it was when it was refused."""
        return self._render(
            "playbook.html",
            here="playbooks",
            item=item,
            fields=attempt.fields if attempt else None,
            wrong=attempt.wrong if attempt else {},
            problems=(attempt.problems if attempt else ()) or item.get("problems", ()),
            failure=attempt.failure if attempt else "",
        )

    def login(
        self, form_token: FormToken, goes_to: str, *, message: str = "", note: str = ""
    ) -> str:
        """Return the page for the log-in.

        Args:
            form_token: of this form alone.
            goes_to: the address of the page to be shown afterwards.
            message: why the last try was refused.
            note: why the page is shown.
        """
        # The name of the form's token is the template's, so that no other page's gets in.
        return self._render(
            "login.html",
            here="",
            login_form_token=form_token.value,
            goes_to=goes_to,
            message=message,
            note=note,
        )

    def problem(self, title: str, detail: str, problems: Sequence[str] = ()) -> str:
        """Return a page that says what went wrong."""
        return self._render("problem.html", here="", title=title, detail=detail, problems=problems)

    # Any: what a template is given.
    def _render(self, template: str, **values: Any) -> str:
        return self._environment.get_template(template).render(now=utc_now(), **values)


def cancel_label(item: ExecutionView) -> str:
    """Return what the cancel button says. `live.js` has the same rule."""
    if item.status is not ExecutionStatus.CANCELLING:
        return "Cancel"
    stopped = item.cancellation is not None and item.cancellation.tree_gone_ms is not None
    return "Cancel the clean-up" if stopped else "Cancelling"


def progress_facts(item: ExecutionView) -> str:
    """Return what the page's script needs to say how far an execution is, as JSON."""
    fields = {"status", "started_at", "current_step_index", "total_steps", "holds"}
    return item.model_dump_json(include=fields)


def _environment() -> Environment:
    folder = files("ignition_toolkit.web") / "templates"
    sources = {file.name: file.read_text("utf-8") for file in folder.iterdir()}
    environment = Environment(
        loader=DictLoader(sources),
        autoescape=True,
        auto_reload=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        timestamp=timestamp,
        moment=formats.moment,
        milliseconds=formats.milliseconds,
        shortened=formats.shortened,
        outcome=formats.OUTCOMES.__getitem__,
        source=formats.SOURCES.__getitem__,
        shown_value=shown_value,
        elapsed=_elapsed,
        depth=formats.depth,
        is_after_cancel=formats.is_after_cancel,
        in_tree_order=formats.in_tree_order,
    )
    return environment


@pass_context
def _elapsed(context: Context, item: ExecutionView | StepView) -> str:
    return formats.elapsed(item, context["now"])
