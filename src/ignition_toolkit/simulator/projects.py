"""The projects of the gateway, and their zip files. Source: gateway-api section 2.4."""

from __future__ import annotations

import io
import json
import zipfile
from typing import IO, Any

from ignition_toolkit.simulator.answers import Refused
from ignition_toolkit.simulator.settings import Settings
from ignition_toolkit.simulator.state import Project, State

DESCRIPTOR = "project.json"

#: Fields of a project, as the interface calls them, beside its name.
FIELDS = {
    "title": "title",
    "description": "description",
    "enabled": "enabled",
    "parent": "parent",
    "inheritable": "inheritable",
    "defaultDb": "default_db",
    "tagProvider": "tag_provider",
    "userSource": "user_source",
    "identityProvider": "identity_provider",
}
FLAGS = frozenset({"enabled", "inheritable"})


class ImportRefused(Exception):
    """A zip file is no project; answered with 200 and `success: false`."""


class ProjectStore:
    """All projects."""

    def __init__(self, settings: Settings, state: State) -> None:
        self._settings = settings
        self._state = state

    def get(self, name: str) -> Project:
        """Return a project. Raises Refused 404."""
        found = next((one for one in self._state.projects if one.name == name), None)
        if found is None:
            raise Refused(404, f"Project '{name}' not found.")
        return found

    # Any: JSON values.
    def items(self) -> list[dict[str, Any]]:
        """Return all projects as the interface lists them."""
        return [self.item(project) for project in self._state.projects]

    # Any: JSON values.
    def item(self, project: Project) -> dict[str, Any]:
        """Return a project as the interface shows it, without its resources."""
        names = {one.name for one in self._state.projects}
        shown = {field: getattr(project, own) for field, own in FIELDS.items()}
        return {
            "name": project.name,
            **shown,
            "mutable": True,
            "invalidParent": bool(project.parent) and project.parent not in names,
        }

    # Any: JSON values.
    def create(self, body: dict[str, Any]) -> Project:
        """Create a project. Raises Refused 400, 403, 409."""
        name = body.get("name")
        if not isinstance(name, str) or not name:
            raise Refused(400, "Project name is required.")
        self._check_may_create()
        self.check_free(name)
        project = Project(name=name)
        self._set(project, body)
        self._state.projects.append(project)
        return project

    # Any: JSON values.
    def modify(self, name: str, body: dict[str, Any]) -> Project:
        """Change the given fields. Raises Refused 400, 404."""
        project = self.get(name)
        self._set(project, body)
        return project

    def copy(self, old: str, new: str) -> Project:
        """Copy a project. Raises Refused 403, 404, 409."""
        source = self.get(old)
        self._check_may_create()
        self.check_free(new)
        project = source.model_copy(deep=True, update={"name": new})
        self._state.projects.append(project)
        return project

    def rename(self, old: str, new: str) -> Project:
        """Rename a project; its children follow. Raises Refused 403, 404, 409."""
        project = self.get(old)
        if self._settings.role == "Backup":
            raise Refused(403)
        if new != old:
            self.check_free(new, apart_from=old)
        project.name = new
        for child in self._state.projects:
            if child.parent == old:
                child.parent = new
        return project

    def delete(self, name: str) -> None:
        """Delete a project. Raises Refused 404, 503."""
        project = self.get(name)
        if self._settings.role == "Backup":
            raise Refused(503)
        self._state.projects.remove(project)

    def export(self, project: Project) -> bytes:
        """Return a project's zip file."""
        described = {field: getattr(project, own) for field, own in FIELDS.items()}
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(DESCRIPTOR, json.dumps(described, indent=2))
            for path, data in project.files.items():
                archive.writestr(path, data)
        return buffer.getvalue()

    def put(self, project: Project, *, overwrite: bool) -> None:
        """Take an imported project. Raises Refused 403, 409."""
        if overwrite and self._has(project.name):
            self._state.projects.remove(self.get(project.name))
        else:
            self._check_may_create()
            self.check_free(project.name)
        self._state.projects.append(project)

    def check_free(self, name: str, apart_from: str = "") -> None:
        """Raise Refused 409 where a project has that name, or has it in other letters."""
        taken = {one.name.lower() for one in self._state.projects if one.name != apart_from}
        if name.lower() in taken:
            raise Refused(409, f"Name '{name}' already in use.")

    def _has(self, name: str) -> bool:
        return any(one.name == name for one in self._state.projects)

    def _check_may_create(self) -> None:
        if self._settings.edition == "edge" or self._settings.role == "Backup":
            raise Refused(403)

    # Any: JSON values.
    def _set(self, project: Project, body: dict[str, Any]) -> None:
        for field, value in body.items():
            if field not in FIELDS:
                continue
            if not isinstance(value, bool if field in FLAGS else str):
                raise Refused(400, f"{field} has a wrong type.")
            setattr(project, FIELDS[field], value)


def read_project(name: str, file: IO[bytes], max_bytes: int) -> Project:
    """Return the project in a zip file.

    Args:
        name: that it gets.
        file: a zip file.
        max_bytes: that its files may have together, unpacked.

    Raises:
        ImportRefused: it is no zip file, has no descriptor, or is too large.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            if sum(one.file_size for one in archive.infolist()) > max_bytes:
                raise ImportRefused("Project is too large.")
            files = {one.filename: archive.read(one) for one in archive.infolist()}
            described = json.loads(files.pop(DESCRIPTOR))
    except KeyError as error:
        raise ImportRefused(f"Project archive has no {DESCRIPTOR}.") from error
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError) as error:
        raise ImportRefused("Unable to read project archive.") from error
    except ValueError as error:
        raise ImportRefused(f"Unable to read {DESCRIPTOR}.") from error
    if not isinstance(described, dict):
        raise ImportRefused(f"Unable to read {DESCRIPTOR}.")
    project = Project(name=name, files={k: v for k, v in files.items() if not k.endswith("/")})
    for field, own in FIELDS.items():
        value = described.get(field)
        if isinstance(value, bool if field in FLAGS else str):
            setattr(project, own, value)
    return project
