"""The pages as HTML. Every value is escaped: names, outputs and log lines come from strangers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ignition_toolkit.execution.views import (
    ArtifactList,
    CredentialView,
    ExecutionPage,
    ExecutionSummary,
    ExecutionView,
    Health,
    Upkeep,
)
from ignition_toolkit.playbook.gateways import GatewayEntry
from ignition_toolkit.playbook.models import ExecutionStatus, utc_now
from ignition_toolkit.web import formats
from ignition_toolkit.web.chart import Bar, latency_chart
from ignition_toolkit.web.choices import NO_CHOICES, Choices
from ignition_toolkit.web.command_line import command_line
from ignition_toolkit.web.environment import environment
from ignition_toolkit.web.filters import ListFilter, LogView
from ignition_toolkit.web.forms import (
    FormToken,
    messages_for,
)
from ignition_toolkit.web.page_parts import About, Attempt, Frame, Known, Surroundings
from ignition_toolkit.web.static_files import StaticFile, address_of
from ignition_toolkit.web.stored_forms import CREDENTIAL_WORDS

#: Lines of a log that a page holds; older ones are dropped from it.
LOG_LINES = 1000

EVERYTHING = ListFilter()


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
        self._environment = environment()
        self._environment.globals.update(
            static=lambda name: address_of(static[name]),
            form_token=form_token.value,
            asks_for_token=asks_for_token,
            log_lines=LOG_LINES,
        )
        for name in self._environment.list_templates():
            self._environment.get_template(name)

    def executions(
        self,
        frame: Frame,
        running: ExecutionPage,
        page: ExecutionPage,
        filters: ListFilter = EVERYTHING,
        *,
        paths: Sequence[str] = (),
        offset: int = 0,
        limit: int = 50,
    ) -> str:
        """Return the list.

        Args:
            frame: of the page.
            running: those that are not over; shown on top.
            page: those that are, from `offset` on, at most `limit`.
            filters: which are shown.
            paths: the playbooks that can be chosen from.
            offset: see `page`.
            limit: see `page`.
        """
        return self._render(
            "executions.html",
            frame,
            here="executions",
            running=running,
            page=page,
            filters=filters,
            paths=paths,
            offset=offset,
            limit=limit,
        )

    def execution(self, frame: Frame, item: ExecutionView, around: Surroundings) -> str:
        """Return the page of one execution."""
        return self._render(
            "execution.html",
            frame,
            here="executions",
            item=item,
            log=around.log,
            about=around.about,
            artifacts=around.artifacts,
            lost=around.lost,
            notice=around.notice,
            over=item.status.final,
            cancel_label=cancel_label(item),
        )

    def details(self, item: ExecutionView, after: int) -> str:
        """Return the parts of an execution's page that a script replaces: record and steps.

        Args:
            item: the execution.
            after: number of the last event that it surely contains.
        """
        return self._render("details.html", item=item, after=after, over=item.status.final)

    def about(self, item: ExecutionView, about: About) -> str:
        """Return the part of an execution's page that tells who did what, and of other runs."""
        return self._render("about.html", item=item, about=about)

    def log(self, item: ExecutionView, log: LogView) -> str:
        """Return the part of an execution's page that shows its log."""
        return self._render(
            "log.html", execution_id=item.execution_id, log=log, over=item.status.final
        )

    def artifacts(self, execution_id: str, artifacts: ArtifactList) -> str:
        """Return the part of an execution's page that lists the files that it has left."""
        return self._render("artifacts.html", execution_id=execution_id, artifacts=artifacts)

    # Any: playbooks as `Worker.playbooks` describes them.
    def playbooks(
        self,
        frame: Frame,
        playbooks: Sequence[Mapping[str, Any]],
        runs: Mapping[str, ExecutionSummary],
    ) -> str:
        """Return the library, with the newest run of each playbook by its path."""
        groups = formats.by_domain(playbooks)
        return self._render("playbooks.html", frame, here="playbooks", groups=groups, runs=runs)

    # Any: a playbook as `Worker.playbook` describes it.
    def playbook(
        self,
        frame: Frame,
        item: Mapping[str, Any],
        attempt: Attempt | None = None,
        known: Known | None = None,
        choices: Choices = NO_CHOICES,
    ) -> str:
        """Return a playbook with the form that starts it, filled as it was when it was refused."""
        known = known or Known()
        fields = attempt.fields if attempt else known.fields
        command = command_line(item["path"], item["parameters"], fields)
        return self._render(
            "playbook.html",
            frame,
            here="playbooks",
            item=item,
            fields=fields,
            wrong=attempt.wrong if attempt else {},
            problems=(attempt.problems if attempt else ()) or item.get("problems", ()),
            failure=attempt.failure if attempt else "",
            choices=choices,
            recent=known.recent,
            remembered=None if attempt else known.remembered,
            command=command.text,
            secrets=command.secrets,
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
            Frame(),
            here="",
            login_form_token=form_token.value,
            goes_to=goes_to,
            message=message,
            note=note,
        )

    # Any: a playbook as `Worker.playbook` describes it.
    def check(self, item: Mapping[str, Any], fields: Mapping[str, str]) -> str:
        """Return what a form's page replaces while somebody types: command and messages."""
        command = command_line(item["path"], item["parameters"], fields)
        messages = messages_for(fields, item["parameters"])
        return self._render(
            "check.html", command=command.text, secrets=command.secrets, messages=messages
        )

    def health(
        self, frame: Frame, health: Health, upkeep: Upkeep, cancels: Sequence[ExecutionSummary]
    ) -> str:
        """Return how the server is. `cancels` are those that have a record, newest first."""
        chart = latency_chart([_bar(item) for item in reversed(cancels)])
        return self._render(
            "health.html",
            frame,
            here="health",
            health=health,
            upkeep=upkeep,
            cancels=cancels,
            chart=chart,
        )

    def credentials(
        self,
        frame: Frame,
        items: Sequence[CredentialView],
        gateways: Sequence[GatewayEntry],
        attempt: Attempt,
    ) -> str:
        """Return the stored credentials and the form for one; `gateways` may use them."""
        used: dict[str, list[str]] = {}
        for entry in gateways:
            used.setdefault(entry.credential or "", []).append(entry.title)
        return self._render(
            "credentials.html",
            frame,
            here="credentials",
            items=items,
            used=used,
            attempt=attempt,
            words=CREDENTIAL_WORDS,
        )

    def gateways(
        self,
        frame: Frame,
        items: Sequence[GatewayEntry],
        credentials: Sequence[str],
        attempt: Attempt,
    ) -> str:
        """Return the registered gateways and the form for one, with these credentials."""
        return self._render(
            "gateways.html",
            frame,
            here="gateways",
            items=items,
            credentials=credentials,
            attempt=attempt,
        )

    def cancel_all(self, frame: Frame, running: ExecutionPage) -> str:
        """Return the question whether all that runs is to be cancelled."""
        return self._render("cancel_all.html", frame, here="", items=running.items)

    def problem(
        self,
        title: str,
        detail: str,
        problems: Sequence[str] = (),
        frame: Frame | None = None,
    ) -> str:
        """Return a page that says what went wrong; without a frame it is not live."""
        return self._render(
            "problem.html",
            frame or Frame(),
            here="",
            title=title,
            detail=detail,
            problems=problems,
            is_live=frame is not None,
        )

    # Any: what a template is given.
    def _render(self, template: str, frame: Frame | None = None, **values: Any) -> str:
        around = {"busy": frame, "after": frame.after} if frame else {}
        page = self._environment.get_template(template)
        return page.render(now=utc_now(), **around, **values)


def _bar(item: ExecutionSummary) -> Bar:
    record = item.cancellation
    gone = record.tree_gone_ms if record else None
    return Bar(f"{item.playbook_name}: {formats.milliseconds(gone)}", gone)


def cancel_label(item: ExecutionView) -> str:
    """Return what the cancel button says. `live.js` has the same rule."""
    if item.status is not ExecutionStatus.CANCELLING:
        return "Cancel"
    stopped = item.cancellation is not None and item.cancellation.tree_gone_ms is not None
    return "Cancel the clean-up" if stopped else "Cancelling"
