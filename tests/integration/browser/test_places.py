"""A log-in form at a host that nobody named is given neither name nor password."""

from pathlib import Path

import pytest

from ignition_toolkit.playbook.models import ExecutionStatus, OnFailure
from tests.integration.browser.bench import Bench
from tests.integration.runner.driver import step

pytestmark = pytest.mark.asyncio(loop_scope="module")

FORM = """document.body.innerHTML = `<input class="username-field">
    <input class="password-field" type="password"><div class="submit-button">Go</div>`"""
READ = "[...document.querySelectorAll('input')].map(e => e.value)"


async def typed(bench: Bench, *hosts: str, password: str = "hunter2-plant") -> object:
    """Log in at a form that leads nowhere; return what its fields hold then."""
    given = {"username": "ann", "password": password, "hosts": [*hosts], "timeout": 3000}
    result = await bench.run(
        bench.open("/?token=s3cret#s3cret"),
        step("form", "browser.evaluate", {"script": FORM}),
        step("login", "perspective.login", given, on_failure=OnFailure.CONTINUE),
        step("read", "browser.evaluate", {"script": READ}),
        step("picture", "browser.screenshot", {"name": "form"}),
    )
    assert result.status is not ExecutionStatus.CANCELLED
    assert bench.output("open")["url"] == f"{bench.url}/?..."
    return bench.output("read")["result"]


async def test_nothing_is_typed_at_a_host_that_nobody_named(bench: Bench) -> None:
    assert await typed(bench, "login.example.com", "127.0.0.1") == ["", ""]
    error = bench.error("login")
    assert f"the log-in is asked for at {bench.url}/?..., where no password is typed" in error
    assert "one of https://127.0.0.1, https://login.example.com" in error


async def test_a_host_that_the_step_names_is_given_the_password(bench: Bench) -> None:
    assert await typed(bench, bench.url) == ["ann", "hunter2-plant"]


async def test_a_picture_shows_no_password_that_was_typed_not_even_its_length(bench: Bench) -> None:
    pictures = []
    for password in ("short", "much-longer-than-that"):
        assert await typed(bench, bench.url, password=password) == ["ann", password]
        pictures.append(Path(bench.output("picture")["path"]).read_bytes())
    assert pictures[0] == pictures[1]
