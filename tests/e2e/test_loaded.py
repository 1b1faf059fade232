"""A cancel is in time while the server is fed, read from and made to read its library again."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from uuid6 import uuid7

from ignition_toolkit.execution.priority import NICENESS
from ignition_toolkit.storage import AddEvent, AddExecution, ExecutionRow, Store, database_url
from tests.e2e.conftest import NewWitness
from tests.e2e.server import Server, serving
from tests.e2e.used_folder import make_used
from tests.e2e.ways import BY_ID, Stuck
from tests.polling import poll_until

PROMISE_S = 0.5
LINES = 100_000
LOAD = Path(__file__).with_name("load.py")

Record = Callable[[str, object], None]


def add_long_log(data_dir: Path) -> str:
    """Store an execution that has logged a hundred thousand lines; return its id."""
    execution_id, now = str(uuid7()), datetime.now(UTC)
    row = ExecutionRow(
        id=execution_id,
        playbook_name="Long log",
        playbook_path="long.yaml",
        status="completed",
        snapshot={"main": "long.yaml", "files": {"long.yaml": ""}},
        created_at=now,
        completed_at=now,
    )
    store = Store.open(database_url(data_dir / "itk.db"))
    try:
        store.submit([AddExecution(row)]).result(30)
        for begin in range(0, LINES, 1000):
            lines = range(begin, begin + 1000)
            store.submit([line(execution_id, number, now) for number in lines]).result(30)
        # The streams of an execution end with its last event.
        end = AddEvent(execution_id, "execution", {"status": "completed"}, now)
        store.submit([end]).result(30)
    finally:
        store.close()
    return execution_id


def line(execution_id: str, number: int, at: datetime) -> AddEvent:
    """Return one line of a log, as the store takes it."""
    data = {"step_id": "a", "level": "info", "message": f"line {number}", "at": at.isoformat()}
    return AddEvent(execution_id, "log", data, at)


@contextmanager
def loaded(server: Server, execution_id: str, output: Path) -> Iterator[None]:
    """Keep a server busy for the length of a block, which begins when all kinds are under way."""
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, str(LOAD), server.url, execution_id],
            stdin=subprocess.PIPE,
            stdout=file,
        )
    assert process.stdin is not None
    try:
        # The positive control: each of them has been done.
        poll_until(lambda: {"body", "library", "log"} <= done(output), 60.0)
        yield
    finally:
        process.stdin.close()
        process.wait(10)


def done(output: Path) -> set[str]:
    """Return what the load has done so far."""
    return set(output.read_text("ascii").splitlines())


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Give a server that is kept busy."""
    folder = tmp_path_factory.mktemp("loaded")
    make_used(folder / "data")
    long_log = add_long_log(folder / "data")
    with serving(folder / "data") as server, loaded(server, long_log, folder / "done"):
        yield server


@pytest.mark.parametrize(
    "name", ["async_sleep-handler", "swallows_cancel-handler", "daemon-script"]
)
def test_a_cancel_is_in_time_on_a_busy_server(
    busy: Server, witness: NewWitness, name: str, record_property: Record
) -> None:
    cancel_in_time(busy, witness, BY_ID[name], record_property)


def test_a_server_goes_before_others_where_it_may_and_its_steps_do_not(
    busy: Server, witness: NewWitness
) -> None:
    one = witness()
    execution_id = busy.client.start(BY_ID["async_sleep-handler"].path, beat=str(one.path))
    one.wait_acting()
    own = os.getpriority(os.PRIO_PROCESS, 0)
    (step,) = one.acting_now()
    assert os.getpriority(os.PRIO_PROCESS, step.pid) == max(own, 0)
    expected = NICENESS if own == 0 and os.geteuid() == 0 else own
    assert os.getpriority(os.PRIO_PROCESS, busy.process.pid) == expected
    busy.client.cancel(execution_id)
    busy.client.wait(execution_id, {"cancelled"})


@pytest.mark.stress
@pytest.mark.parametrize("name", sorted(BY_ID))
def test_every_way_is_cancelled_in_time_on_a_busy_server_five_times(
    busy: Server, witness: NewWitness, name: str, record_property: Record
) -> None:
    for _ in range(5):
        cancel_in_time(busy, witness, BY_ID[name], record_property)


def cancel_in_time(server: Server, new: NewWitness, stuck: Stuck, record: Record) -> None:
    """Start and cancel one, and fail when it acts later than promised or leaves something."""
    one = new()
    execution_id = server.client.start(stuck.path, beat=str(one.path))
    stuck.wait_acting(one)
    asked = server.client.cancel(execution_id)
    server.client.wait(execution_id, {"cancelled"})
    record("last_act_s", round(one.last() - asked, 3))
    assert one.last() - asked <= PROMISE_S
    one.assert_gone()
