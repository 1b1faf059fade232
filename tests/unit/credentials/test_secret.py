"""A Secret shows itself only when asked by name."""

import copy
import json
import logging
import pickle

import pytest
from pydantic import BaseModel, ValidationError

from ignition_toolkit.credentials import REDACTED, Secret


def test_every_text_form_hides_the_value() -> None:
    secret = Secret("hunter2")
    forms = [str(secret), repr(secret), f"{secret}", f"{secret!r}", f"{secret:>20}", "%s" % secret]  # noqa: UP031
    assert not [form for form in forms if "hunter2" in form]
    assert repr([secret]) == f"[Secret('{REDACTED}')]"


def test_reveal_gives_the_value() -> None:
    assert Secret("hunter2").reveal() == "hunter2"


def test_only_text_can_be_secret() -> None:
    with pytest.raises(TypeError, match="a secret is a text, not int"):
        Secret(1234)  # type: ignore[arg-type]


def test_equal_values_are_equal_and_hash_alike_but_no_text_equals_a_secret() -> None:
    assert Secret("é-one") == Secret("é-one")
    assert hash(Secret("one")) == hash(Secret("one"))
    assert Secret("one") != Secret("two")
    assert Secret("one") != "one"


def test_an_empty_secret_is_false() -> None:
    assert not Secret("")
    assert Secret("x")


def test_it_does_not_change() -> None:
    secret = Secret("hunter2")
    with pytest.raises(AttributeError):
        secret._value = "other"
    assert copy.copy(secret) is secret
    assert copy.deepcopy([secret])[0] is secret


def test_json_refuses_it() -> None:
    with pytest.raises(TypeError):
        json.dumps({"password": Secret("hunter2")})


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_refuses_it(protocol: int) -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(Secret("hunter2"), protocol)


def test_a_log_line_hides_it(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        logging.getLogger("here").info("logged in with %s", Secret("hunter2"))
    assert caplog.messages == [f"logged in with {REDACTED}"]


class Params(BaseModel):
    password: Secret
    token: Secret | None = None


def test_a_model_takes_a_text_or_a_secret() -> None:
    assert Params(password=Secret("hunter2")).password.reveal() == "hunter2"
    assert Params.model_validate({"password": "hunter2"}).password == Secret("hunter2")
    assert Params.model_validate_json('{"password": "hunter2"}').password == Secret("hunter2")


def test_a_model_dumps_the_secret_itself_to_python_and_hides_it_in_json() -> None:
    params = Params(password=Secret("hunter2"))
    assert params.model_dump()["password"] == Secret("hunter2")
    assert json.loads(params.model_dump_json()) == {"password": REDACTED, "token": None}
    assert "hunter2" not in repr(params)


def test_a_model_refuses_what_is_no_text() -> None:
    with pytest.raises(ValidationError):
        Params.model_validate({"password": 5})


def test_the_json_schema_is_a_password() -> None:
    field = Params.model_json_schema()["properties"]["password"]
    assert (field["type"], field["format"], field["writeOnly"]) == ("string", "password", True)
