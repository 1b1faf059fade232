"""Step kinds that drive pages in a browser, thin over `ignition_toolkit.browser`."""

from ignition_toolkit.steps.browser.acting import (
    Check,
    Click,
    Fill,
    Keyboard,
    PressSequentially,
    Select,
)
from ignition_toolkit.steps.browser.keeping import Download, FileUpload, Screenshot
from ignition_toolkit.steps.browser.navigating import Navigate, Wait
from ignition_toolkit.steps.browser.scripting import Evaluate
from ignition_toolkit.steps.browser.verifying import (
    GetText,
    Verify,
    VerifyAttribute,
    VerifyState,
    VerifyText,
)

__all__ = [
    "Check",
    "Click",
    "Download",
    "Evaluate",
    "FileUpload",
    "Fill",
    "GetText",
    "Keyboard",
    "Navigate",
    "PressSequentially",
    "Screenshot",
    "Select",
    "Verify",
    "VerifyAttribute",
    "VerifyState",
    "VerifyText",
    "Wait",
]
