"""The example package: its kinds do what they say, and a cancel finds them ready."""

import asyncio
import socket
from typing import Any

import pytest
from pydantic import ValidationError

from acme_steps.controller import LineRefused, LineUnreachable
from acme_steps.steps import SetRecipe, WaitForLine
from ignition_toolkit.playbook.step_handler import Effect, StepHandler
from tests.integration.examples.conftest import Controller, Noted


async def run(
    kind: type[StepHandler], context: Noted, controller: Controller, **params: Any
) -> dict[str, Any]:
    """Validate the parameters as the engine does, and run one attempt."""
    checked = kind.Params(line="3", port=controller.port, **params).model_dump()
    return await kind(context).execute(checked)


async def test_wait_for_line_returns_when_the_line_comes_into_the_state(
    controller: Controller, context: Noted
) -> None:
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(
            run(WaitForLine, context, controller, timeout=20, poll_interval=0.01)
        )
        await controller.asked.wait()
        assert not waiting.done()
        controller.state = "READY"
    assert waiting.result() == {"line": "3", "state": "ready", "bottles": 1200}
    assert (1200, "line is idle") in context.progressed


async def test_wait_for_line_says_what_it_waited_for_when_time_is_up(
    controller: Controller, context: Noted
) -> None:
    with pytest.raises(TimeoutError, match="line 3 was not ready in time"):
        await run(WaitForLine, context, controller, timeout=0.05, poll_interval=0.01)


async def test_wait_for_line_fails_plainly_before_its_step_times_out(
    controller: Controller, context: Noted
) -> None:
    context.seconds_left = 0.05
    with pytest.raises(TimeoutError, match="line 3"):
        await run(WaitForLine, context, controller, timeout=600, poll_interval=0.01)


async def test_cancelled_while_the_controller_is_silent_the_step_hangs_up(
    controller: Controller, context: Noted
) -> None:
    controller.silent = True
    step = asyncio.get_running_loop().create_task(run(WaitForLine, context, controller))
    await controller.asked.wait()
    step.cancel()
    with pytest.raises(asyncio.CancelledError):
        await step
    async with asyncio.timeout(5):
        await controller.hung_up.wait()
    assert controller.questions == ["STATUS 3"]


async def test_set_recipe_gives_the_recipe_to_the_line(
    controller: Controller, context: Noted
) -> None:
    output = await run(SetRecipe, context, controller, recipe="cola-330")
    assert output == {"line": "3", "recipe": "cola-330"}
    assert controller.questions == ["RECIPE 3 cola-330"]
    assert context.lines == ["info: line 3 has the recipe cola-330"]


async def test_a_refused_recipe_fails_with_the_reason_of_the_line(
    controller: Controller, context: Noted
) -> None:
    controller.state = "RUNNING"
    with pytest.raises(LineRefused, match="refused the recipe 'cola-330': the line is running"):
        await run(SetRecipe, context, controller, recipe="cola-330")


async def test_an_answer_that_the_manual_does_not_know_is_an_error(
    controller: Controller, context: Noted
) -> None:
    controller.state = "READY AND WILLING"
    with pytest.raises(LineUnreachable, match="expected 'LINE STATE BOTTLES'"):
        await run(WaitForLine, context, controller)


async def test_a_controller_that_is_not_there_is_named_with_its_address(context: Noted) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(LineUnreachable, match=f"127.0.0.1:{port} does not answer"):
            await run(SetRecipe, context, Controller(port=port), recipe="cola-330")


@pytest.mark.parametrize("recipe", ["", "two words", "cola\nRECIPE 4 other"])
def test_a_recipe_that_is_no_single_word_is_refused(recipe: str) -> None:
    with pytest.raises(ValidationError, match="recipe"):
        SetRecipe.Params(line="3", recipe=recipe)


def test_the_kinds_say_what_they_do_to_the_equipment() -> None:
    assert WaitForLine.effect is Effect.READS
    assert SetRecipe.effect is Effect.WRITES
    assert "recipe" in SetRecipe.leaves
