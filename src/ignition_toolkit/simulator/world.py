"""The simulated gateway without its sockets: settings, time, contents, and what happens to them.

It is used from one event loop and holds no threads.
"""

from __future__ import annotations

from collections.abc import Callable

from ignition_toolkit.simulator.access import Keys, Rights, hash_of
from ignition_toolkit.simulator.clock import Clock
from ignition_toolkit.simulator.connections import Connections
from ignition_toolkit.simulator.faults import Faults
from ignition_toolkit.simulator.journal import Journal
from ignition_toolkit.simulator.lifecycle import Lifecycle
from ignition_toolkit.simulator.logins import Logins
from ignition_toolkit.simulator.logs import LogStore
from ignition_toolkit.simulator.modules import ModuleStore
from ignition_toolkit.simulator.projects import ProjectStore
from ignition_toolkit.simulator.request_log import RequestLog
from ignition_toolkit.simulator.resources import API_TOKEN, ResourceStore
from ignition_toolkit.simulator.samples import sample_state
from ignition_toolkit.simulator.scans import Scanner
from ignition_toolkit.simulator.settings import Settings
from ignition_toolkit.simulator.state import Project, State
from ignition_toolkit.simulator.trial import Trial
from ignition_toolkit.simulator.visitors import Visitors


class World:
    """All parts of one simulated gateway.

    Args:
        settings: the caller's own, so that changes of it are seen.
        state: what it holds; None for the sample contents.
        clock: None for one that goes as real time does.
    """

    def __init__(
        self, settings: Settings, state: State | None = None, clock: Clock | None = None
    ) -> None:
        self.settings = settings
        self.clock = clock or Clock()
        self.state = state or sample_state()
        self.keys = Keys()
        self.logins = Logins(settings)
        self.requests = RequestLog()
        #: What pages tell of a person's acts.
        self.journal = Journal()
        self.faults = Faults()
        self.connections = Connections()
        self.trial = Trial(settings, self.clock, self.state)
        self.lifecycle = Lifecycle(settings, self.clock, self._on_start, self._needs_commissioning)
        self.modules = ModuleStore(settings, self.clock, self.state, self.lifecycle, self.trial)
        self.projects = ProjectStore(settings, self.state)
        self.resources = ResourceStore(settings, self.clock, self.state)
        self.logs = LogStore(self.clock, self.state)
        self.visitors = Visitors(self.clock)
        #: Projects whose files lie in the gateway's folder; a scan finds them.
        self.laid: list[Project] = []
        #: By what is scanned.
        self.scanners = {
            "projects": Scanner(settings, self.clock, self._find_projects),
            "config": Scanner(settings, self.clock, lambda: None),
        }
        #: When the diagnostics bundle is made; None before the first.
        self.bundle_ready_at: float | None = None
        #: Where redirects to TLS lead; set when the port is known.
        self.tls_url = "https://localhost:8043"
        #: Of the TLS port, as PEM; None without one.
        self.certificate: str | None = None
        #: Called after each change of the state.
        self.on_change: Callable[[], None] = lambda: None

    def settle(self) -> None:
        """Have everything happen that was due by the clock."""
        for scanner in self.scanners.values():
            scanner.settle()

    def changed(self) -> None:
        """Note that the state is another one now."""
        self.on_change()

    def restore(self, state: State) -> None:
        """Hold another state from now on."""
        self.state.take(state)
        if self.state.trial_began_at is None:
            self.state.trial_began_at = self.clock.now
        self.changed()

    def stored_key_rights(self, header: str) -> Rights | None:
        """Return what a key may do that is a resource of the gateway's own: anything."""
        name, _, key = header.partition(":")
        for resource in self.resources.all_of(*API_TOKEN):
            settings = resource.config.get("settings")
            known = settings.get("tokenHash") if isinstance(settings, dict) else None
            if resource.name == name and resource.enabled and known == hash_of(key):
                return "write"
        return None

    def pending_tasks(self) -> list[str]:
        """Return what waits for a restart, in the gateway's words."""
        return list(self.state.pending)

    def has_project(self, name: str) -> bool:
        """Say whether there is a project of that name."""
        return any(project.name == name for project in self.state.projects)

    def commissioning_step(self) -> dict[str, list[dict[str, str]]]:
        """Return the modules whose certificate or licence the commissioner asks for."""
        certificates, licenses = self.modules.not_accepted()
        return {
            "certificate": [{"moduleId": one} for one in certificates],
            "license": [{"moduleId": one} for one in licenses],
        }

    def accept(self, certificates: list[str], licenses: list[str]) -> None:
        """Record acceptances that were given to the commissioner; unknown ids are ignored."""
        for module_id in certificates:
            if (module := self.modules.find(module_id)) is not None:
                self.modules.accept_certificate(module)
        for module_id in licenses:
            if (module := self.modules.find(module_id)) is not None:
                self.modules.accept_license(module)
        self.changed()

    def finish_commissioning(self) -> None:
        """Start the gateway behind the commissioner, whatever was not accepted."""
        self.settings.commissioned = True
        self.lifecycle.finish_commissioning()

    def _on_start(self) -> None:
        self.logins.end_all()
        self.visitors.clear()
        self.modules.on_start()
        self.logs.add("gateway.Startup", "INFO", "Gateway started.")
        self.changed()

    def _find_projects(self) -> None:
        found, self.laid = self.laid, []
        names = {project.name for project in found}
        others = [project for project in self.state.projects if project.name not in names]
        self.state.projects = [*others, *found]
        self.changed()

    def _needs_commissioning(self) -> bool:
        if not self.settings.commissioned:
            return True
        return self.settings.commissioning_after_restart and any(self.modules.not_accepted())
