"""What the simulated gateway remembers over its own end: the contents of its state file."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

#: Of the file's shape; raised when an old file can no longer be read.
FORMAT: Literal[1] = 1


class Kept(BaseModel):
    """A part of the state; bytes are written in base64."""

    model_config = ConfigDict(
        extra="forbid", validate_assignment=True, ser_json_bytes="base64", val_json_bytes="base64"
    )


class Module(Kept):
    """A module whose file lies in the gateway's folder."""

    id: str
    name: str
    version: str
    description: str = ""
    vendor: str = ""
    file_name: str = ""
    #: Of its certificate; empty for one that is not signed.
    fingerprint: str = ""
    self_signed: bool = False
    #: HTML, empty for none.
    eula: str = ""
    enabled: bool = True
    #: Whether the gateway's process has it.
    loaded: bool = False
    #: Not let in, for want of an acceptance.
    quarantined: bool = False
    #: The version that the file has, while another runs.
    next_version: str | None = None
    uninstalling: bool = False
    fault: str | None = None


class Project(Kept):
    """A project with the files of its resources."""

    name: str
    title: str = ""
    description: str = ""
    enabled: bool = True
    parent: str = ""
    inheritable: bool = False
    default_db: str = ""
    tag_provider: str = ""
    user_source: str = ""
    identity_provider: str = ""
    #: By path inside the zip file, `project.json` not among them.
    files: dict[str, bytes] = {}


class Resource(Kept):
    """A resource of the configuration: of a module and a type, with a name unless a singleton."""

    module: str
    type: str
    #: Empty for a singleton.
    name: str = ""
    description: str = ""
    enabled: bool = True
    collection: str = "core"
    # Any: JSON values.
    config: dict[str, Any] = {}
    # Any: JSON values.
    backup_config: dict[str, Any] | None = None
    files: dict[str, bytes] = {}


class LogEvent(Kept):
    """One line of the gateway's log."""

    timestamp: int
    logger_name: str
    level: str
    message: str
    stack: list[str] = []
    mdc: dict[str, str] = {}


class Mode(Kept):
    """A deployment mode."""

    name: str
    title: str = ""
    description: str = ""


class State(Kept):
    """Everything that is saved, and that a backup holds."""

    format: Literal[1] = FORMAT
    #: None until the gateway starts for the first time.
    trial_began_at: float | None = None
    modules: list[Module] = []
    #: What was accepted for modules, as ModuleStore names it.
    accepted: list[str] = []
    #: Changes of modules that wait for a restart, in the gateway's words.
    pending: list[str] = []
    projects: list[Project] = []
    resources: list[Resource] = []
    # Any: JSON values, trees of tags by the provider's name.
    tags: dict[str, list[dict[str, Any]]] = {}
    logs: list[LogEvent] = []
    #: Only of loggers whose level was set.
    levels: dict[str, str] = {}
    modes: list[Mode] = []
    # Any: JSON values.
    redundancy: dict[str, Any] = Field(default_factory=dict)

    def take(self, other: State) -> None:
        """Become what another state is, in place, so that who holds this one sees it."""
        for name in type(self).model_fields:
            setattr(self, name, getattr(other, name))
