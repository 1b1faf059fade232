"""Step kinds that start and drive the Ignition Designer, thin over `ignition_toolkit.designer`."""

from ignition_toolkit.steps.designer.ending import Close
from ignition_toolkit.steps.designer.launching import Launch, LaunchShortcut
from ignition_toolkit.steps.designer.opening import Login, OpenProject
from ignition_toolkit.steps.designer.windows import Press, Screenshot, WaitForWindow

__all__ = [
    "Close",
    "Launch",
    "LaunchShortcut",
    "Login",
    "OpenProject",
    "Press",
    "Screenshot",
    "WaitForWindow",
]
