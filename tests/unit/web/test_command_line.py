"""The command that a form would be: it does the same, in any shell, and holds no secret."""

import shlex
from typing import Any

from ignition_toolkit.cli.given import parse_given
from ignition_toolkit.web.command_line import command_line


def parameter(name: str, kind: str = "string", default: Any = None) -> dict[str, Any]:
    return {"name": name, "type": kind, "default": default, "required": default is None}


def test_the_command_gives_what_was_entered_and_leaves_defaults_out() -> None:
    declared = [parameter("who"), parameter("seconds", "float", 30), parameter("tags", "list", [1])]
    fields = {"parameter.who": "anna", "parameter.seconds": "30", "parameter.tags": "[2]"}
    command = command_line("a/b.yaml", declared, fields)
    assert command.text == "itk run a/b.yaml -p who=anna -p 'tags=[2]'"
    assert command.secrets == ()


def test_what_is_required_has_a_place_even_before_it_is_entered() -> None:
    assert command_line("a.yaml", [parameter("who")], None).text == "itk run a.yaml -p who=WHO"


def test_a_hostile_value_reaches_the_parameter_as_it_is() -> None:
    value = "@file; rm -rf / $(id) 'x' \"y\"\nline"
    command = command_line("a.yaml", [parameter("who")], {"parameter.who": value})
    *_, option, given = shlex.split(command.text)
    assert option == "-p"
    assert parse_given([given]) == {"who": value}


def test_a_credential_itself_comes_from_the_environment_and_the_name_of_one_does_not() -> None:
    login = parameter("plant.login", "credential")
    typed = {"parameter.plant.login": ' {"username": "u", "password": "hunter22"}'}
    command = command_line("a.yaml", [login], typed)
    assert command.text == "itk run a.yaml -p plant.login=@env:PLANT_LOGIN"
    assert command.secrets == ("PLANT_LOGIN",)
    named = command_line("a.yaml", [login], {"parameter.plant.login": "stored"})
    assert named.text == "itk run a.yaml -p plant.login=stored"
