"""What a simulated gateway holds that was given no state."""

from __future__ import annotations

from ignition_toolkit.simulator.state import Module, Project, State

#: Of the certificate that all sample modules share.
FINGERPRINT = "5a" * 32

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
    )


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
