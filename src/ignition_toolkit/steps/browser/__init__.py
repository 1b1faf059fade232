"""Step kinds that drive pages in a browser, thin over `ignition_toolkit.browser`."""

from ignition_toolkit.steps.browser.acting import Click
from ignition_toolkit.steps.browser.navigating import Navigate
from ignition_toolkit.steps.browser.picturing import Screenshot

__all__ = ["Click", "Navigate", "Screenshot"]
