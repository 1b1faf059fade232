"""What a simulated gateway holds that was given no state."""

from __future__ import annotations

from typing import Any

from ignition_toolkit.simulator.resources import DEVICE
from ignition_toolkit.simulator.state import LogEvent, Module, Project, Resource, State

#: Of the certificate that all sample modules share.
FINGERPRINT = "5a" * 32

#: When the sample events were logged.
LOGGED_MS = 1_795_000_000_000

MODULES = {
    "com.inductiveautomation.perspective": "Perspective",
    "com.inductiveautomation.opcua": "OPC-UA",
    "com.inductiveautomation.webdev": "WebDev",
}


def sample_state() -> State:
    """Return fresh contents, the same each time."""
    return State(
        modules=_modules(),
        accepted=[f"certificate {FINGERPRINT}"],
        projects=_projects(),
        resources=_resources(),
        tags={"default": _tags()},
        logs=_logs(),
    )


def _resources() -> list[Resource]:
    device = {"profile": {"type": "ModbusTcp"}, "settings": {"hostname": "10.0.0.5"}}
    return [
        Resource(module="ignition", type="tag-provider", name="default"),
        Resource(module="ignition", type="database-connection", name="plant"),
        Resource(module=DEVICE[0], type=DEVICE[1], name="line1", config=device),
    ]


# Any: JSON values.
def _tags() -> list[dict[str, Any]]:
    level = {"name": "Level", "tagType": "AtomicTag", "valueSource": "memory", "value": 3.5}
    pump = {"name": "Pump", "tagType": "AtomicTag", "valueSource": "memory", "value": True}
    folder = {"name": "Line 1", "tagType": "Folder", "tags": [level, pump]}
    return [folder, {"name": "_types_", "tagType": "Folder", "tags": []}]


def _logs() -> list[LogEvent]:
    lines = [
        ("gateway.Startup", "INFO", "Gateway started."),
        ("tags.Execution", "WARN", "Tag execution took 120 ms."),
        ("designer.Login", "ERROR", "Login failed."),
    ]
    return [
        LogEvent(timestamp=LOGGED_MS + number, logger_name=logger, level=level, message=message)
        for number, (logger, level, message) in enumerate(lines)
    ]


def _projects() -> list[Project]:
    view = b'{"custom": {}, "root": {"type": "ia.container.flex"}}'
    files = {"com.inductiveautomation.perspective/views/main/view.json": view}
    return [
        Project(name="base", title="Base", inheritable=True),
        Project(name="demo", title="Demo", description="A sample.", parent="base", files=files),
    ]


def _modules() -> list[Module]:
    return [
        Module(
            id=module_id,
            name=name,
            version="3.3.6 (b2026042713)",
            description=f"The {name} module.",
            vendor="Inductive Automation",
            file_name=f"{name}-module.modl",
            fingerprint=FINGERPRINT,
            loaded=True,
        )
        for module_id, name in MODULES.items()
    ]
