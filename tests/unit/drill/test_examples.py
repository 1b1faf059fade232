"""The parameters that a kind is tried with, and what of them is a secret."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field

from ignition_toolkit.credentials.secret import Secret
from ignition_toolkit.drill.examples import example_of, job_of
from ignition_toolkit.drill.job import at_gateway
from ignition_toolkit.errors import HandlerBroken
from ignition_toolkit.playbook.step_handler import StepHandler


def kind(params: type[BaseModel]) -> type[StepHandler]:
    """Return a handler with these parameters."""

    class Handler(StepHandler):
        type = "test.kind"
        Params = params

        # Any: as the base class has it.
        async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
            return {}

    return Handler


class ByField(BaseModel):
    line: str = Field(examples=["3", "4"])
    host: str = Field(default="127.0.0.1", examples=["10.0.0.1"])


class Whole(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{"line": "7"}]})

    line: str


class Without(BaseModel):
    line: str
    recipe: str


class Private(BaseModel):
    password: str = "hunter2-of-the-line"
    api_token: str | Secret = ""
    pin: str = "1234-5678"


def test_fields_that_are_required_give_their_first_example() -> None:
    assert example_of(kind(ByField)) == {"line": "3"}


def test_an_example_of_the_whole_goes_first() -> None:
    assert example_of(kind(Whole)) == {"line": "7"}


def test_a_kind_without_an_example_is_told_how_to_give_one() -> None:
    with pytest.raises(HandlerBroken) as caught:
        example_of(kind(Without))
    text = str(caught.value)
    assert "'test.kind'" in text
    assert "line, recipe" in text
    assert "examples=[...]" in text
    assert "step_examples" in text


def test_a_secret_is_what_is_one_or_is_called_one() -> None:
    given = {"api_token": Secret("key-of-the-plant"), "pin": "0000-1111"}
    job = job_of(kind(Private), given)
    assert set(job.secrets) == {"key-of-the-plant", "hunter2-of-the-line"}
    assert job.parameters["api_token"] == {"$secret": "key-of-the-plant"}


def test_a_gateway_s_key_is_a_secret_too() -> None:
    job = job_of(kind(ByField), around=at_gateway("http://127.0.0.1:1", "token-of-it"))
    assert job.secrets == ("token-of-it",)
