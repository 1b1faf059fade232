"""The bad kinds by name: their module, their class, and who catches each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ignition_toolkit.playbook.step_handler import StepHandler
from ignition_toolkit.runner.kinds import handlers_of

FOLDER = Path(__file__).parent

#: The modules, as an entry point of `ignition_toolkit.steps` would name them.
MODULES = tuple(
    f"tests.bad_steps.{name}"
    for name in ("waiting", "blocking", "swallowing", "leaving", "cleaning", "outside")
)


# What the step contract says of them.
BLOCKS = "blocked the event loop"
SWALLOWS = "swallowed the CancelledError"
TURNS = "turned the CancelledError into"
OUTLASTS = "had not ended"
LEAVES_THREAD = "left thread"
LEAVES_JOB = "in the executor"
LEAVES_PROCESS = "left process"
LEAVES_TASK = "left task"
LEAVES_TIMER = "left timer"
LEAVES_FILE = "left the temporary file"
TELLS_SECRET = "a secret can be read"


class Caught(NamedTuple):
    """Who catches a bad kind; the page docs/who-catches-what.md is made of it."""

    #: Codes that `itk lint` reports for it.
    lint: tuple[str, ...] = ()
    #: Whether the watchdog logs a place of it while it runs, or cleans up.
    watchdog: bool = False
    #: Words of the breach that the step contract reports; empty where it finds none.
    contract: str = ""


#: The one that is not bad.
CONTROL = "bad.well_behaved"

CAUGHT: Mapping[str, Caught] = {
    "bad.sleeps_directly": Caught(("ITK101",)),
    "bad.polls_by_hand": Caught(("ITK102",)),
    "bad.asks_itself": Caught(("ITK103",)),
    "bad.waits_forever": Caught(("ITK111",)),
    "bad.takes_coroutine_for_yes": Caught(("ITK117",)),
    "bad.time_sleep": Caught(("ITK108",), watchdog=True, contract=BLOCKS),
    "bad.blocking_request": Caught(("ITK108",), watchdog=True, contract=BLOCKS),
    "bad.blocking_socket": Caught(("ITK108",), watchdog=True, contract=BLOCKS),
    "bad.runs_program": Caught(("ITK108",), watchdog=True, contract=BLOCKS),
    "bad.acquires_lock": Caught(("ITK108",), watchdog=True, contract=BLOCKS),
    "bad.asks_future": Caught(("ITK108",), watchdog=True, contract=BLOCKS),
    "bad.computes": Caught(watchdog=True, contract=BLOCKS),
    "bad.blocks_by_table": Caught(watchdog=True, contract=BLOCKS),
    "bad.bare_except": Caught(("ITK104",), contract=SWALLOWS),
    "bad.base_exception": Caught(("ITK104",), contract=SWALLOWS),
    "bad.suppresses": Caught(("ITK105",), contract=SWALLOWS),
    "bad.returns_in_finally": Caught(("ITK106",), contract=SWALLOWS),
    "bad.gathers_and_drops": Caught(("ITK107",)),
    "bad.makes_it_failure": Caught(("ITK104",), contract=TURNS),
    "bad.tries_again": Caught(("ITK104",), contract=OUTLASTS),
    "bad.takes_it_back": Caught(contract=SWALLOWS),
    "bad.bounds_swallower": Caught(("ITK105", "ITK116"), contract=OUTLASTS),
    "bad.starts_thread": Caught(("ITK109",), contract=LEAVES_THREAD),
    "bad.pushes_to_thread": Caught(("ITK109",), contract=LEAVES_JOB),
    "bad.uses_executor": Caught(("ITK109",), contract=LEAVES_THREAD),
    "bad.leaves_child": Caught(("ITK110",), contract=LEAVES_PROCESS),
    "bad.leaves_daemon": Caught(("ITK110",), contract=LEAVES_PROCESS),
    "bad.forks": Caught(("ITK108", "ITK110"), contract=LEAVES_PROCESS),
    "bad.forgets_task": Caught(("ITK114",), contract=LEAVES_TASK),
    "bad.keeps_task": Caught(contract=LEAVES_TASK),
    "bad.sets_timer": Caught(contract=LEAVES_TIMER),
    "bad.leaves_file": Caught(contract=LEAVES_FILE),
    "bad.cleans_up_unbounded": Caught(("ITK111", "ITK112"), contract=OUTLASTS),
    "bad.cleans_up_too_long": Caught(contract=OUTLASTS),
    "bad.blocks_in_clean_up": Caught(("ITK108",), watchdog=True, contract=BLOCKS),
    "bad.shields": Caught(("ITK113",), contract=LEAVES_TASK),
    "bad.clicks_unguarded": Caught(("ITK115",), contract=LEAVES_TIMER),
    "bad.prints_secret": Caught(contract=TELLS_SECRET),
}


def modules() -> dict[str, str]:
    """Return the module of every kind here, the control too, as a runner's start takes them."""
    return {kind: handler.__module__ for kind, handler in handlers().items()}


def handlers() -> dict[str, type[StepHandler]]:
    """Return the handler of every kind here, the control too."""
    found: dict[str, type[StepHandler]] = {}
    for module in MODULES:
        found |= handlers_of(module)
    return found
