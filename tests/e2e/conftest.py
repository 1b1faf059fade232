"""Fixtures of the tests that drive a real server over HTTP, and of those that look at its pages."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.e2e.observer import Witness, end
from tests.e2e.page_library import PLAYBOOKS
from tests.e2e.person import CHROMIUM, Person, Persons
from tests.e2e.server import REPO, STUCK_PLAYBOOKS, Server, serving

NewWitness = Callable[[], Witness]

SHOTS = REPO / "test-results" / "screenshots"


@pytest.fixture(scope="session")
def page_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of the playbooks that the pages are looked at with."""
    folder = tmp_path_factory.mktemp("library")
    for name, text in PLAYBOOKS.items():
        (folder / name).write_text(text, "utf-8")
    return folder


@pytest.fixture(scope="session")
def server(page_library: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Give a server with room for many executions, one for all that do not end it."""
    data = tmp_path_factory.mktemp("server") / "data"
    with serving(data, max_running=120, playbooks=(STUCK_PLAYBOOKS, page_library)) as running:
        yield running


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[NewWitness]:
    """Give a function that makes a witness with a file of its own; what it saw is ended."""
    made: list[Witness] = []
    numbers = count()

    def new() -> Witness:
        made.append(Witness(tmp_path / f"beat-{next(numbers)}"))
        return made[-1]

    yield new
    for one in made:
        end(one.alive())


# For a module and not for all: while it is open, the thread counts as inside an event loop.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium. A machine without it fails these tests, it does not skip them."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def shots() -> Path:
    """Give the folder of what was seen: people look at it, and CI keeps it with the test run."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    return SHOTS


@pytest.fixture
def persons(browser: Browser, server: Server, shots: Path) -> Iterator[Persons]:
    """Give a function that makes a person; no page may have complained in the end."""
    made: list[Person] = []

    def new(**options: object) -> Person:
        made.append(Person(browser, server, shots, **options))
        return made[-1]

    yield new
    for person in made:
        person.context.close()
    server.client.http.post("/api/executions/cancel")
    assert [complaint for person in made for complaint in person.complaints] == []


@pytest.fixture(scope="module")
def regular(browser: Browser, server: Server, shots: Path) -> Iterator[Person]:
    """Give the person of most tests: a browser takes its time to be somebody else's."""
    person = Person(browser, server, shots)
    yield person
    person.context.close()


@pytest.fixture
def person(regular: Person, server: Server) -> Iterator[Person]:
    """Give a person without open pages; no page may have complained in the end."""
    yield regular
    for page in regular.context.pages:
        page.close()
    server.client.http.post("/api/executions/cancel")
    complaints, regular.complaints = regular.complaints, []
    assert complaints == []
