"""Forms: only ours are taken, and a field means what a person meant."""

from typing import Any

import pytest

from ignition_toolkit.web.forms import (
    MAX_FIELDS,
    FormToken,
    given_parameters,
    messages_for,
    read_form,
    remembered_fields,
    shown_value,
)

TEXT: dict[str, Any] = {"name": "who", "type": "string", "default": "anna", "required": False}
NUMBER: dict[str, Any] = {"name": "seconds", "type": "float", "default": 30, "required": False}
MUST: dict[str, Any] = {"name": "url", "type": "string", "default": None, "required": True}
LIST: dict[str, Any] = {"name": "tags", "type": "list", "default": ["a"], "required": False}
CREDENTIAL: dict[str, Any] = {
    "name": "login",
    "type": "credential",
    "default": None,
    "required": True,
}


def test_a_token_fits_itself_alone() -> None:
    token = FormToken()
    assert token.fits(token.value)
    for other in ("", "x", token.value[:-1], token.value + "x", FormToken().value, "\udc80"):
        assert not token.fits(other)


def test_a_form_is_read_as_a_browser_writes_it() -> None:
    body = b"a=1+2&b=%C3%BC%0D%0Ax&empty=&a=last"
    assert read_form(body) == {"a": "last", "b": "ü\r\nx", "empty": ""}


@pytest.mark.parametrize("body", [b"\xff", b"a=1&" * (MAX_FIELDS + 1)])
def test_a_body_that_is_no_form_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"utf|ascii|fields"):
        read_form(body)


def test_an_empty_field_means_the_default_and_a_cleared_text_means_the_empty_text() -> None:
    declared = [TEXT, NUMBER, MUST, LIST]
    fields = {f"parameter.{item['name']}": "" for item in declared}
    assert given_parameters(fields, declared) == {"who": ""}


def test_what_was_entered_is_given_as_text_and_foreign_fields_are_not() -> None:
    fields = {"parameter.url": "http://x\r\ny", "parameter.seconds": "5", "parameter.other": "1"}
    assert given_parameters(fields, [MUST, NUMBER]) == {"url": "http://x\ny", "seconds": "5"}


def test_a_field_shows_the_default_first_and_what_was_entered_afterwards() -> None:
    assert shown_value(NUMBER, None) == "30"
    assert shown_value(LIST, None) == '["a"]'
    assert shown_value(MUST, None) == ""
    assert shown_value(NUMBER, {"parameter.seconds": "soon"}) == "soon"
    assert shown_value(NUMBER, {"parameter.seconds": ""}) == ""
    assert shown_value(NUMBER, {"parameter.other": "x"}) == "30"


def test_a_credential_that_was_typed_in_is_not_sent_back() -> None:
    entered = ' {"username": "u", "password": "hunter22"}'
    assert shown_value(CREDENTIAL, {"parameter.login": entered}) == ""
    assert shown_value(CREDENTIAL, {"parameter.login": "stored_one"}) == "stored_one"


def test_a_form_remembers_what_an_earlier_run_was_given_but_no_secret() -> None:
    stored: dict[str, Any] = {"seconds": 5, "tags": ["a", "b"], "who": None}
    stored |= {"login": {"password": "***"}, "text": "Bearer ***"}
    assert remembered_fields(stored) == {
        "parameter.seconds": "5",
        "parameter.tags": '["a", "b"]',
    }


def test_what_is_typed_is_checked_by_its_type_and_what_is_missing_is_not_told_yet() -> None:
    fields = {"parameter.seconds": "soon", "parameter.tags": "[x", "parameter.who": "x"}
    number, text, tags, missing = messages_for(fields, [NUMBER, TEXT, LIST, MUST])
    assert "expected a number" in number
    assert "expected a list" in tags
    assert (text, missing) == ("", "")
