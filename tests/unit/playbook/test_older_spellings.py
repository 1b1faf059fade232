"""Playbooks of the earlier toolbox load unchanged; each older spelling earns one warning."""

from pathlib import Path

import pytest

from ignition_toolkit.errors import PlaybookInvalid
from ignition_toolkit.playbook.catalog import Catalog, Kind
from ignition_toolkit.playbook.loader import Loaded, load
from ignition_toolkit.playbook.models import Parameter, ParameterType, Step
from tests.unit.playbook.kinds import CATALOG

OLDER = Path(__file__).parent / "older"


def old(name: str) -> Loaded:
    return load((OLDER / name).read_bytes(), name, CATALOG)


def step(loaded: Loaded, name: str) -> Step:
    return next(s for s in loaded.playbook.steps if s.id == name)


def one(kind: str, parameters: str, catalog: Catalog = CATALOG) -> Loaded:
    text = f"name: x\nsteps:\n- {{id: a, type: {kind}, parameters: {parameters}}}\n"
    return load(text, "x.yaml", catalog)


def test_a_gateway_playbook_loads() -> None:
    loaded = old("module_upgrade.yaml")
    playbook = loaded.playbook
    assert (playbook.version, playbook.domain, playbook.group) == (
        "3.4",
        "gateway",
        "Gateway (Base Playbooks)",
    )
    assert playbook.verified
    assert playbook.metadata["tags"] == ["module", "upgrade"]
    assert playbook.parameters[0] == Parameter(
        name="gateway_url",
        required=False,
        description="Base URL",
        default="http://localhost:8088",
    )
    assert playbook.parameters[1].type is ParameterType.CREDENTIAL
    assert playbook.parameters[2].required
    assert playbook.parameters[5].default == {"line": "4"}
    assert (step(loaded, "upload").retry_count, step(loaded, "upload").timeout) == (2, 300)
    assert loaded.warnings == [
        (
            "module_upgrade.yaml:29:7: code of utility.python is the older spelling of script:"
            " write script"
        )
    ]


def test_code_becomes_script_and_braces_of_its_own_stay() -> None:
    script = step(old("module_upgrade.yaml"), "step0_detect").parameters["script"]
    assert "shapes = {{'a': 1}}" in script


def test_a_browser_playbook_loads_with_a_warning_for_each_older_spelling() -> None:
    loaded = old("web_login.yaml")
    lines = [(w.split(": ")[0], w.split(": ", 1)[1]) for w in loaded.warnings]
    assert lines == [
        (
            "web_login.yaml:18:7",
            (
                "wait_for of browser.navigate is the older spelling of wait_until:"
                " write wait_until: load"
            ),
        ),
        (
            "web_login.yaml:19:16",
            "timeout 30 is taken as milliseconds, as written; if seconds were meant write 30000",
        ),
        (
            "web_login.yaml:25:7",
            (
                "wait_for of browser.navigate is an older spelling and is a selector to wait for"
                " after the navigation: a browser.wait step after this one says it plainly"
            ),
        ),
        (
            "web_login.yaml:51:7",
            "retry_count among the parameters is an older spelling: write it beside them",
        ),
        (
            "web_login.yaml:62:7",
            (
                "state of browser.verify is an older spelling:"
                " write a step of type browser.verify_state"
            ),
        ),
        (
            "web_login.yaml:70:7",
            (
                "state of browser.verify is an older spelling:"
                " write a step of type browser.verify_state"
            ),
        ),
        (
            "web_login.yaml:76:7",
            "condition of browser.verify is the older spelling of state: write state",
        ),
        (
            "web_login.yaml:76:7",
            (
                "state of browser.verify is an older spelling:"
                " write a step of type browser.verify_state"
            ),
        ),
        (
            "web_login.yaml:85:7",
            "path of browser.screenshot is the older spelling of name: write name: after login",
        ),
        (
            "web_login.yaml:90:30",
            (
                "timeout of browser.screenshot is an older spelling and is taken as milliseconds,"
                " as in the other browser steps"
            ),
        ),
        (
            "web_login.yaml:98:63",
            (
                "timeout of browser.verify_attribute is an older spelling and is taken as"
                " milliseconds, as in the other browser steps"
            ),
        ),
    ]


def test_what_the_older_browser_spellings_mean() -> None:
    loaded = old("web_login.yaml")
    assert step(loaded, "open").parameters["wait_until"] == "load"
    assert step(loaded, "open").parameters["timeout"] == 30
    assert step(loaded, "open_app").parameters["wait_for"] == "#login"
    submit = step(loaded, "submit")
    assert submit.retry_count == 3
    assert submit.parameters == {"selector": "button", "force": True}
    for name, state in (("shown", "visible"), ("gone", "hidden"), ("there", "visible")):
        verify = step(loaded, name)
        assert verify.type == "browser.verify_state"
        assert verify.parameters["state"] == state
        assert "exists" not in verify.parameters
    assert step(loaded, "error_free").type == "browser.verify"
    assert step(loaded, "picture").parameters["name"] == "after login"


def test_a_designer_playbook_loads() -> None:
    loaded = old("designer.yaml")
    assert step(loaded, "window").type == "designer.wait_for_window"
    assert loaded.warnings == [
        (
            "designer.yaml:35:11: designer.wait is the older spelling of designer.wait_for_window:"
            " write designer.wait_for_window"
        )
    ]


def test_an_error_in_a_renamed_parameter_is_placed_where_it_was_written() -> None:
    loaded = old("web_login.yaml")
    assert loaded.line(("steps", 5, "retry_count"), "x") == "web_login.yaml:51:20: x"
    assert loaded.line(("steps", 0, "parameters", "wait_until"), "x") == "web_login.yaml:18:17: x"


@pytest.mark.parametrize("state", ["load", "domcontentloaded", "networkidle"])
def test_wait_for_a_load_state_is_wait_until(state: str) -> None:
    loaded = one("browser.navigate", f"{{url: x, wait_for: {state}}}")
    assert loaded.playbook.steps[0].parameters == {"url": "x", "wait_until": state}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a.png", "a"),
        ("shots/b.PNG", "b"),
        ("c.jpeg", "c"),
        ("d", "d"),
        ("'{{ variable.x }}.png'", "{{ variable.x }}"),
        (".png", ".png"),
    ],
)
def test_a_screenshot_path_becomes_a_name(path: str, name: str) -> None:
    loaded = one("browser.screenshot", f"{{path: {path}}}")
    assert loaded.playbook.steps[0].parameters == {"name": name}


def test_the_steps_own_retry_count_wins() -> None:
    text = (
        "name: x\nsteps:\n- id: a\n  type: browser.click\n  retry_count: 1\n"
        "  parameters: {selector: b, retry_count: 7}\n"
    )
    loaded = load(text, "x.yaml", CATALOG)
    assert loaded.playbook.steps[0].retry_count == 1


@pytest.mark.parametrize(
    ("kind", "parameters", "problem"),
    [
        ("utility.python", "{code: a, script: b}", "both are given: remove code"),
        ("browser.screenshot", "{path: a.png, name: b}", "both are given: remove path"),
        ("browser.click", "{selector: a, retry_count: x}", "retry_count: expected a whole number"),
        ("browser.fill", "{selector: a, value: b, retry_count: 1}", "no parameter 'retry_count'"),
        ("utility.log", "{message: a, code: b}", "utility.log has no parameter 'code'"),
        ("browser.click", "{selector: a, wait_for: load}", "no parameter 'wait_for'"),
        ("gateway.ping", "{timeout: 5}", "gateway.ping has no parameter 'timeout'; it has none"),
        ("browser.keyboard", "{key: a, timeout: 5}", "no parameter 'timeout'"),
    ],
)
def test_a_spelling_counts_only_for_the_kinds_it_is_listed_for(
    kind: str, parameters: str, problem: str
) -> None:
    with pytest.raises(PlaybookInvalid) as caught:
        one(kind, parameters)
    (found,) = caught.value.problems
    assert problem in found


def test_a_kind_that_declares_the_older_name_keeps_it() -> None:
    kinds = {
        "designer.wait": Kind(type="designer.wait", parameters={"properties": {"title": {}}}),
        "browser.verify": Kind(
            type="browser.verify", parameters={"properties": {"selector": {}, "state": {}}}
        ),
    }
    catalog = Catalog(key="k", kinds=kinds)
    assert one("designer.wait", "{title: x}", catalog).warnings == []
    kept = one("browser.verify", "{selector: x, state: hidden}", catalog).playbook.steps[0]
    assert (kept.type, kept.parameters["state"]) == ("browser.verify", "hidden")


@pytest.mark.parametrize("timeout", ["1000", "30000", "'{{ variable.t }}'", "true"])
def test_a_browser_timeout_that_can_be_milliseconds_earns_no_warning(timeout: str) -> None:
    assert one("browser.wait", f"{{selector: a, timeout: {timeout}}}").warnings == []
