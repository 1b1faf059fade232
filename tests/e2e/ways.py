"""Every way to be stuck, as a script and as a handler, and what the record must say of its end."""

import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.observer import Witness
from tests.e2e.server import REPO, STUCK_PLAYBOOKS

COOPERATIVE, KILLED = "cooperative", "killed"

#: Milliseconds that a script has to end in after its SIGINT.
SCRIPT_GRACE_MS = 200
#: Milliseconds that a runner has to end a step in.
GRACE_MS = 250

#: Functions of the stuck code: a process that beats may stand in any of these.
BEATING = r"(beat|beat_once|beat_on|start_time)"


class Runner(Enum):
    """What becomes of a runner whose step was stopped."""

    #: It is proved clean and goes on with the next step.
    STAYS = "stays"
    #: It cannot be clean, and a fresh one takes over.
    GOES = "goes"
    #: A script's own process is stopped in time or killed, and the runner is clean either way;
    #: whether what it left behind is gone by then depends on the moment.
    EITHER = "either"


@dataclass(frozen=True)
class Stuck:
    """One way to be stuck in one form."""

    way: str
    form: str
    #: What the record's `outcome` is when the machine has time for it.
    outcome: str
    #: How many processes beat, or more.
    processes: int = 1
    #: How many processes must have beaten, dead ones included, before it counts as acting.
    links: int = 0
    #: What `stuck_at` must match; None when it must be null.
    place: str | None = None
    #: Names that `killed` must have, among others, of itself or of one that was cancelled with it:
    #: a process without a marker whose runner is gone may be told of either.
    killed: frozenset[str] = frozenset()
    #: What becomes of the runner when the step is timed out or skipped.
    runner: Runner = Runner.GOES

    @property
    def id(self) -> str:
        """Name for the test report."""
        return f"{self.way}-{self.form}"

    @property
    def path(self) -> str:
        """Path in the library of a server with the stuck steps' playbooks."""
        folder = "tests/stuck" if self.form == "script" else "stuck_steps"
        return f"{folder}/{self.way}.yaml"

    def wait_acting(self, witness: Witness, deadline_s: float = 30.0) -> None:
        """Return when all that it starts acts, as a witness sees it."""
        witness.wait_acting(self.processes, links=self.links, deadline_s=deadline_s)

    def assert_outcome(self, record: dict[str, Any]) -> None:
        """Fail when a cancellation record claims another outcome than the one that it can be.

        What would end by itself is killed on a machine so busy that the whole grace was not enough;
        the record then says so, and shows the time. What cannot end by itself never is cooperative.
        """
        if record["outcome"] == KILLED and self.outcome == COOPERATIVE:
            assert record["step_stopped_ms"] >= SCRIPT_GRACE_MS, record
        else:
            assert record["outcome"] == self.outcome, record

    def tells_place(self, record: dict[str, Any]) -> bool:
        """Whether a record says where the step was stuck, if it was; fail when it invents a place.

        A machine so busy that the runner got no processor between the question and its end leaves
        it unknown, which is true: then the same is to be tried again.
        """
        place = record["stuck_at"]
        if self.place is None:
            assert place is None or record["outcome"] != COOPERATIVE, record
            return True
        late = self.form == "script" and record["step_stopped_ms"] >= GRACE_MS
        if place is None or (late and "/steps/" in place):
            # The second: the runner was ended before it had the script's answer, and says where
            # itself stood.
            return False
        assert re.search(self.place, place), record
        return True

    def step(self, beat: Path) -> dict[str, Any]:
        """Return its step as YAML data that beats into a file, to build other playbooks from."""
        folder = REPO / "playbooks" if self.form == "script" else STUCK_PLAYBOOKS
        playbook = yaml.safe_load((folder / self.path).read_text("utf-8"))
        values = {p["name"]: p["default"] for p in playbook["parameters"]} | {"beat": str(beat)}
        (step,) = playbook["steps"]
        filled = {key: fill(value, values) for key, value in step["parameters"].items()}
        return {**step, "parameters": filled}


def fill(text: str, values: dict[str, Any]) -> Any:
    """Put parameters' values in the places of their references."""
    if alone := re.fullmatch(r"\{\{ parameter\.(\w+) \}\}", text):
        return values[alone[1]]
    return re.sub(r"\{\{ parameter\.(\w+) \}\}", lambda found: str(values[found[1]]), text)


def script(way: str, outcome: str, **more: Any) -> Stuck:
    """Return a way's form as a script."""
    return Stuck(way, "script", outcome, **more)


def handler(way: str, outcome: str, **more: Any) -> Stuck:
    """Return a way's form as a handler."""
    return Stuck(way, "handler", outcome, **more)


WAITS = rf"waits\.py:\d+ in execute$|beats\.py:\d+ in {BEATING}$"
SCRIPT = rf"<script>:\d+ in (<module>|work|hold|{BEATING})$"

#: W1 to W7g of the facts page, and what people's steps do besides. The first column is what is
#: stopped by SIGINT or CancelledError, the second what is not.
STUCK = [
    script("async_sleep", COOPERATIVE, runner=Runner.STAYS),
    handler("async_sleep", COOPERATIVE, runner=Runner.STAYS),
    script("time_sleep", COOPERATIVE, runner=Runner.STAYS),
    handler("time_sleep", KILLED, place=WAITS),
    script("cpu_spin", COOPERATIVE, runner=Runner.STAYS),
    handler("cpu_spin", KILLED, place=WAITS),
    script("swallows_cancel", KILLED, place=SCRIPT, runner=Runner.EITHER),
    handler("swallows_cancel", KILLED, place=WAITS),
    script(
        "child_processes",
        COOPERATIVE,
        processes=3,
        runner=Runner.EITHER,
    ),
    handler("child_processes", COOPERATIVE, processes=3, killed=frozenset({"sh", "sleep"})),
    script("silent_server", COOPERATIVE, runner=Runner.STAYS),
    handler("silent_server", KILLED, place=WAITS),
    script("lock_acquire", COOPERATIVE, runner=Runner.STAYS),
    handler("lock_acquire", KILLED, place=WAITS),
    script("gil_held", KILLED, place=r"<script>:\d+ in hold$", runner=Runner.EITHER),
    handler("gil_held", KILLED, place=r"waits\.py:\d+ in hold_the_lock$"),
    script("daemon", COOPERATIVE, processes=2, killed=frozenset({"python"})),
    handler("daemon", COOPERATIVE, processes=2, killed=frozenset({"python"})),
    script("fork_chain", COOPERATIVE, links=20),
    handler("fork_chain", COOPERATIVE, links=20),
    script("finally_blocks", KILLED, place=SCRIPT, runner=Runner.EITHER),
    handler("finally_blocks", KILLED, place=rf"beats\.py:\d+ in {BEATING}$"),
    script("thread_left", KILLED, runner=Runner.EITHER),
    handler("thread_left", COOPERATIVE),
    script("fork_returns", COOPERATIVE, processes=2, runner=Runner.EITHER),
    handler("fork_returns", COOPERATIVE, processes=2),
    script("closed_descriptors", COOPERATIVE, runner=Runner.EITHER),
    script("megabyte", COOPERATIVE, runner=Runner.EITHER),
    handler("megabyte", COOPERATIVE),
]

BY_ID = {stuck.id: stuck for stuck in STUCK}

#: Ways that keep a core busy: of many of these, a cancel waits for the machine.
BUSY = frozenset({"cpu_spin", "gil_held", "fork_chain", "megabyte"})
