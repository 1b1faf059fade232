"""Projects: what is there, moving them as files, having the gateway look for changed ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from ignition_toolkit.gateway.readiness import not_ready
from ignition_toolkit.gateway.waiting import wait_until
from ignition_toolkit.playbook.step_handler import Effect
from ignition_toolkit.steps.gateway.base import FILE, GatewayStep, Strict

if TYPE_CHECKING:
    from ignition_toolkit.gateway.projects import Scan


class ListProjects(GatewayStep):
    """Lists the projects."""

    type = "gateway.list_projects"
    summary = "List the gateway's projects"
    effect = Effect.READS

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        """List; outputs `projects`, `names` and `count`.

        Raises GatewayError. Cancellation: at once, nothing is left.
        """
        gateway = await self.gateway()
        projects = await gateway.projects.all()
        names = [project.get("name") for project in projects]
        return {"projects": projects, "names": names, "count": len(projects)}


class GetProject(GatewayStep):
    """Looks at one project."""

    type = "gateway.get_project"
    summary = "Look at one project of the gateway"
    effect = Effect.READS

    class Params(Strict):
        """Parameters of gateway.get_project."""

        project_name: str = Field(
            min_length=1, description="the project's name", examples=["Line 3"]
        )

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        """Look; outputs what the gateway tells of it: `name`, `title`, `enabled`, `parent`, ...

        Raises GatewayError, also when there is no such project. Cancellation: at once, nothing
        is left.
        """
        gateway = await self.gateway()
        return await gateway.projects.get(params["project_name"])


class ExportProject(GatewayStep):
    """Downloads a project."""

    type = "gateway.export_project"
    summary = "Download a project as a zip file; tags and gateway settings are not in it"
    effect = Effect.READS

    class Params(Strict):
        """Parameters of gateway.export_project."""

        project_name: str = Field(
            min_length=1, description="the project's name", examples=["Line 3"]
        )
        file: str = Field("project.zip", min_length=1, description=FILE)

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        """Download; outputs `file`, its whole path, and `size_bytes`.

        Raises StepFailed when the file cannot be written, GatewayError. Cancellation: at once;
        nothing new is under the file's name, and what was there before still is.
        """
        gateway = await self.gateway()
        file = self.artifact(params["file"])
        size = await gateway.projects.export(params["project_name"], file, gateway.progress)
        return {"file": str(file), "size_bytes": size}


class ImportProject(GatewayStep):
    """Uploads a project."""

    type = "gateway.import_project"
    summary = "Make a project of a zip file, or replace one if told so"
    effect = Effect.WRITES
    leaves = "nothing in the middle of the file; once all was sent, perhaps the new project"

    class Params(Strict):
        """Parameters of gateway.import_project."""

        project_name: str = Field(min_length=1, description="name that the project is to have")
        file: str = Field(description=FILE)
        overwrite: bool = Field(False, description="replace a project that has this name")
        empty_ok: bool = Field(
            False, description="do nothing where `file` is empty, as there is nothing to take back"
        )

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        """Import; outputs `project_name` and `imported`, whether there was something to import.

        Raises StepFailed when the file cannot be read, GatewayError, also when the gateway
        answers with 200 that it refuses. Cancellation: at once; once all of the file was sent,
        whether it is imported is unknown, and the record says so.
        """
        name = params["project_name"]
        if params["empty_ok"] and not params["file"]:
            self.context.log(f"no file was named: project {name} is left as it is")
            return {"project_name": name, "imported": False}
        file = self.artifact(params["file"])
        gateway = await self.gateway()
        await gateway.projects.import_(name, file, gateway.progress, overwrite=params["overwrite"])
        return {"project_name": name, "imported": True}


class ScanProjects(GatewayStep):
    """Has the gateway look for changed project files."""

    type = "gateway.scan_projects"
    summary = "Have the gateway look for changed project files, and wait until it has"
    effect = Effect.WRITES
    leaves = "a scan that goes on at the gateway"

    class Params(Strict):
        """Parameters of gateway.scan_projects."""

        timeout: float = Field(120, ge=0, description="for how long to wait at most, in seconds")

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        """Scan, and wait until no scan is under way; outputs `waited_s` and `duration_ms`.

        Raises GatewayError; GatewayNotReady when it is not over in time. Cancellation: at once.
        """
        gateway = await self.gateway()
        begun = await gateway.projects.begin_scan()
        seen: list[Scan] = [begun]

        async def look() -> str | None:
            seen.append(await gateway.projects.scan_status())
            return _missing(begun, seen)

        timeout_s = gateway.exchange.bounded(params["timeout"])
        waited = await wait_until(look, timeout_s, gateway.progress)
        if waited.in_vain:
            what = "did not end its scan of the projects"
            raise not_ready(gateway.target, waited, timeout_s, what)
        return {"waited_s": round(waited.seconds, 1), "duration_ms": seen[-1].duration}


def _missing(begun: Scan, seen: list[Scan]) -> str | None:
    """Return None when a scan that was begun is over; its beginning may have been missed."""
    last = seen[-1]
    if last.active:
        return "scanning"
    if last.timestamp != begun.timestamp or any(scan.active for scan in seen):
        return None
    return "the scan has not begun"
