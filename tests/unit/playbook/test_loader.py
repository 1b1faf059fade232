"""The loader finds every problem of a file, each with its place, and raises nothing else."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ignition_toolkit.errors import PlaybookInvalid
from ignition_toolkit.playbook.catalog import BrokenModule
from ignition_toolkit.playbook.loader import load
from ignition_toolkit.playbook.models import Concurrency, OnFailure, Playbook
from tests.unit.playbook.kinds import CATALOG

FULL = """\
name: Restart and check
version: 1.10
domain: gateway
description: Restarts
concurrency: shared
group: Base
verified: yes
metadata: {author: me, tags: [a]}
parameters:
  - {name: host, description: Which}
  - {name: seconds, type: float, default: 2}
  - {name: extra, type: dict, required: false}
steps:
  - id: wait
    name: Wait
    type: utility.sleep
    parameters: {seconds: "{{ parameter.seconds }}"}
    timeout: 5.5
    retry_count: 2
    retry_delay: 0
    on_failure: continue
  - id: say
    type: utility.log
    parameters:
      message: "{{ step.wait.slept }} {{ parameter.extra.a.b }} {{ variable.v }}"
on_cancel:
  - {id: bye, type: utility.log, parameters: {message: "{{ step.say.x }}"}}
on_cancel_timeout: 20
"""


def problems(text: str | bytes, path: str = "p.yaml") -> list[str]:
    with pytest.raises(PlaybookInvalid) as caught:
        load(text, path, CATALOG)
    assert "\n" not in caught.value.message
    return caught.value.problems


def only(text: str) -> str:
    (found,) = problems(text)
    return found


def playbook(text: str) -> Playbook:
    return load(text, "p.yaml", CATALOG).playbook


def with_step(lines: str, rest: str = "") -> str:
    """One utility.log step, from line 3 on, with more keys from line 4 on."""
    step = f"- {{id: a, type: utility.log, parameters: {{message: m}}, {lines}}}"
    return f"name: x\nsteps:\n{step}\n{rest}"


def with_message(text: str) -> str:
    return f"name: x\nparameters:\n- name: host\n- {{name: gw, type: credential}}\nsteps:\n{text}"


def test_a_whole_playbook() -> None:
    found = playbook(FULL)
    assert found.version == "1.10"
    assert found.concurrency is Concurrency.SHARED
    assert found.verified
    assert found.metadata == {"author": "me", "tags": ["a"]}
    assert [(p.name, p.required, p.default) for p in found.parameters] == [
        ("host", True, None),
        ("seconds", False, 2),
        ("extra", False, None),
    ]
    wait, say = found.steps
    assert (wait.timeout, wait.retry_count, wait.retry_delay) == (5.5, 2, 0)
    assert wait.on_failure is OnFailure.CONTINUE
    assert wait.line == 14
    assert (say.name, say.timeout, say.retry_delay) == ("say", 300, 5)
    assert (found.on_cancel[0].id, found.on_cancel_timeout) == ("bye", 20)


def test_the_smallest_playbook_has_the_defaults() -> None:
    found = playbook("name: x\nsteps:\n- {id: a, type: gateway.ping}\n")
    assert (found.version, found.domain, found.description) == (None, None, "")
    assert found.concurrency is Concurrency.EXCLUSIVE
    assert (found.on_cancel, found.on_cancel_timeout, found.parameters) == ((), 60, ())


def test_empty_keys_count_as_not_given() -> None:
    found = playbook(
        "name: x\nversion:\ndescription:\nparameters:\non_cancel:\nmetadata:\ngroup:\n"
        "steps:\n- id: a\n  type: gateway.ping\n  parameters:\n  timeout:\n"
    )
    assert found.steps[0].timeout == 300


def test_doubtful_words_are_warnings_with_their_places() -> None:
    loaded = load(FULL, "p.yaml", CATALOG)
    assert loaded.warnings == [
        (
            "p.yaml:7:11: yes is true here and the text 'yes' in YAML 1.2: write true, or \"yes\""
            " in quotes"
        )
    ]


@pytest.mark.parametrize("steps", ["steps: []", "steps:", ""])
def test_a_playbook_without_steps_is_refused(steps: str) -> None:
    assert "the playbook needs steps: expected at least one, found none" in only(
        f"name: x\n{steps}"
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("5", "p.yaml:1:1: a playbook is a mapping with a name and steps, found the number 5"),
        ("- a", "p.yaml:1:1: a playbook is a mapping with a name and steps, found a list"),
        (
            "steps:\n- {id: a, type: gateway.ping}\n",
            "p.yaml:1:1: the playbook needs the key 'name': expected text, found nothing",
        ),
        (
            "name:\nsteps:\n- {id: a, type: gateway.ping}\n",
            "p.yaml:1:1: the playbook needs the key 'name': expected text, found nothing",
        ),
        (
            "name: 5\nsteps:\n- {id: a, type: gateway.ping}\n",
            (
                "p.yaml:1:7: the playbook: name: expected text, found the number 5:"
                ' write "5" in quotes'
            ),
        ),
        (
            "name: ' '\nsteps:\n- {id: a, type: gateway.ping}\n",
            "p.yaml:1:7: the playbook: name: expected text, found the text ''",
        ),
        (
            with_step("", "rollback: []"),
            (
                "p.yaml:4:1: the playbook has no key 'rollback'; it has name, version, description,"
                " domain, group, verified, concurrency, trace, parameters, steps, on_cancel,"
                " on_cancel_timeout, metadata"
            ),
        ),
        (
            with_step("", "descripton: a"),
            (
                "p.yaml:4:1: the playbook has no key 'descripton'; it has name, version,"
                " description, domain, group, verified, concurrency, trace, parameters, steps,"
                " on_cancel, on_cancel_timeout, metadata; did you mean 'description'?"
            ),
        ),
        (
            with_step("", "concurrency: share"),
            (
                "p.yaml:4:14: the playbook: concurrency: expected exclusive or shared, found the"
                " text 'share'; did you mean 'shared'?"
            ),
        ),
        (
            with_step("", "verified: 5"),
            "p.yaml:4:11: the playbook: verified: expected true or false, found the number 5",
        ),
        (
            with_step("", "metadata: [a]"),
            (
                "p.yaml:4:11: the playbook: metadata: expected a mapping of names to values,"
                " found a list"
            ),
        ),
        (
            with_step("", "version: {a: 1}"),
            "p.yaml:4:10: the playbook: version: expected text, found a mapping",
        ),
        (
            with_step("", "on_cancel_timeout: 0"),
            (
                "p.yaml:4:20: the playbook: on_cancel_timeout: expected seconds above 0 and up to"
                " 604800, found the number 0"
            ),
        ),
        (
            "name: x\nsteps: {a: 1}\n",
            (
                "p.yaml:2:8: the playbook: steps: expected a list, each item after a dash, found a"
                " mapping"
            ),
        ),
        (
            "name: x\nsteps: [5]\n",
            "p.yaml:2:9: steps: item 1: expected a step, a mapping with id and type",
        ),
    ],
)
def test_a_wrong_playbook_key_is_one_line(text: str, line: str) -> None:
    assert only(text) == line


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("timeout: -1", "timeout: expected seconds above 0 and up to 604800, found the number -1"),
        ("timeout: 0", "timeout: expected seconds above 0 and up to 604800, found the number 0"),
        ("timeout: .nan", "expected a finite number, found .nan"),
        ("timeout: .inf", "expected a finite number, found .inf"),
        ("timeout: 604801", "up to 604800, found the number 604801"),
        ("timeout: '5'", "timeout: expected seconds above 0 and up to 604800, found the text '5'"),
        ("timeout: true", "timeout: expected seconds above 0 and up to 604800, found true"),
        ("timeout: [1]", "timeout: expected seconds above 0 and up to 604800, found a list"),
        ("retry_delay: -0.5", "retry_delay: expected seconds from 0 and up to 604800, found the"),
        ("retry_count: -1", "retry_count: expected a whole number from 0 to 100, found the number"),
        ("retry_count: 101", "expected a whole number from 0 to 100, found the number 101"),
        ("retry_count: 1.5", "expected a whole number from 0 to 100, found the number 1.5"),
        ("retry_count: yes", "expected a whole number from 0 to 100, found true"),
        ("on_failure: stop", "on_failure: expected abort or continue, found the text 'stop'"),
        (
            "on_failure: rollback",
            (
                "on_failure: expected abort or continue, found the text 'rollback': nothing is"
                " rolled back here; undo with steps of your own"
            ),
        ),
        ("name: [a]", "the step 'a': name: expected text, found a list"),
        ("retry: 1", "the step 'a' has no key 'retry'; it has id, name, type, parameters,"),
        ("tiemout: 1", "did you mean 'timeout'?"),
    ],
)
def test_a_wrong_step_key_is_one_line(lines: str, message: str) -> None:
    found = only(with_step(lines))
    assert re.match(r"p\.yaml:3:\d+: ", found)
    assert message in found


@pytest.mark.parametrize("name", ["a.b", "outer/inner", "a b", "a}}", "", "é\u202e", "x" * 101])
def test_an_id_that_a_reference_cannot_spell_is_refused(name: str) -> None:
    found = only(f'name: x\nsteps:\n- {{id: "{name}", type: gateway.ping}}\n')
    assert found.startswith("p.yaml:3:8: ")
    assert "expected" in found


def test_ids_are_unique_over_steps_and_on_cancel() -> None:
    text = (
        "name: x\nsteps:\n- {id: a, type: gateway.ping}\n- {id: a, type: gateway.ping}\n"
        "on_cancel:\n- {id: a, type: gateway.ping}\n- &s {id: b, type: gateway.ping}\n- *s\n"
    )
    taken = "is taken by the step in line"
    rule = "ids of steps and on_cancel steps are unique"
    assert problems(text) == [
        f"p.yaml:4:8: the id 'a' {taken} 3: {rule}",
        f"p.yaml:6:8: the id 'a' {taken} 3: {rule}",
        f"p.yaml:7:11: the id 'b' {taken} 7: {rule}",
    ]


def test_a_step_needs_an_id_and_a_type() -> None:
    assert problems("name: x\nsteps:\n- name: a\n") == [
        "p.yaml:3:3: steps item 1 needs the key 'id': expected text, found nothing",
        "p.yaml:3:3: steps item 1 needs the key 'type': expected text, found nothing",
    ]


def test_an_unknown_kind_names_the_nearest() -> None:
    assert only("name: x\nsteps:\n- {id: a, type: utility.slep}\n") == (
        "p.yaml:3:17: the step 'a': there is no step kind 'utility.slep';"
        " did you mean 'utility.sleep'?"
    )


def test_a_kind_like_no_other_lists_some_that_are_installed() -> None:
    found = only("name: x\nsteps:\n- {id: a, type: Q}\n")
    assert "there is no step kind 'Q'; installed are browser.click, browser.file_upload" in found


def test_an_unknown_kind_tells_which_modules_did_not_load() -> None:
    broken = (BrokenModule(module="acme.steps", error="ImportError: no\nmodule"),)
    catalog = CATALOG.model_copy(update={"broken": broken})
    with pytest.raises(PlaybookInvalid) as caught:
        load("name: x\nsteps:\n- {id: a, type: acme.wait}\n", "p.yaml", catalog)
    assert caught.value.problems[0].endswith(
        "; the module acme.steps could not be loaded: ImportError: no module"
    )


def test_unknown_and_missing_parameters_of_a_step() -> None:
    text = "name: x\nsteps:\n- id: a\n  type: utility.log\n  parameters: {mesage: 1}\n"
    assert problems(text) == [
        "p.yaml:5:15: the step 'a': utility.log needs the parameter 'message', found none",
        (
            "p.yaml:5:16: the step 'a': utility.log has no parameter 'mesage'; it has message,"
            " level; did you mean 'message'?"
        ),
    ]
    assert only("name: x\nsteps:\n- id: a\n  type: utility.log\n") == (
        "p.yaml:3:3: the step 'a': utility.log needs the parameter 'message', found none"
    )


def test_a_kind_with_extra_parameters_takes_any() -> None:
    found = playbook(
        "name: x\nsteps:\n- {id: a, type: playbook.run, parameters: {playbook: b.yaml, z: 1}}\n"
    )
    assert found.steps[0].parameters == {"playbook": "b.yaml", "z": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "{{ parameter.hots }}",
            (
                "{{ parameter.hots }}: the playbook has no parameter 'hots'; it declares host, gw;"
                " did you mean 'host'?"
            ),
        ),
        (
            "{{ parameter.host.x }}",
            "{{ parameter.host.x }}: a parameter of type string has no parts",
        ),
        (
            "{{ parameter.gw.pasword }}",
            "a credential has username, password, api_token; did you mean 'password'?",
        ),
        ("{{ credential.c.user }}", "a credential has username, password, api_token"),
        ("{{ step.zz.k }}", "{{ step.zz.k }}: there is no step 'zz'; earlier steps are first"),
        ("{{ step.frist.k }}", "there is no step 'frist'; earlier steps are first; did you mean"),
        (
            "{{ step.a.k }}",
            (
                "{{ step.a.k }}: the step 'a' does not come before this one (line 7): expected an"
                " earlier step"
            ),
        ),
        ("{{ step.later.k }}", "the step 'later' does not come before this one (line 8)"),
        ("{{ step.bye.k }}", "the step 'bye' does not come before this one (line 10)"),
        ("{{ step.first }}", "expected {{ step.ID.KEY }} without expressions, found"),
        ("{{ parameter.host + 1 }}", "expected {{ parameter.NAME }} without expressions, found"),
        ("{{ variable }}", "expected {{ variable.NAME }} without expressions, found"),
    ],
)
def test_a_wrong_reference_is_one_line(text: str, message: str) -> None:
    found = only(
        with_message(
            "- {id: first, type: gateway.ping}\n"
            f"- {{id: a, type: utility.log, parameters: {{message: ['{text}']}}}}\n"
            "- {id: later, type: gateway.ping}\n"
            "on_cancel:\n- {id: bye, type: gateway.ping}\n"
        )
    )
    assert found.startswith("p.yaml:7:53: the step 'a': message: ")
    assert message in found


def test_an_on_cancel_step_may_name_any_step_and_earlier_on_cancel_ones() -> None:
    found = playbook(
        "name: x\nsteps:\n- {id: a, type: gateway.ping}\n- {id: b, type: gateway.ping}\n"
        "on_cancel:\n- {id: c, type: gateway.ping}\n"
        "- {id: d, type: utility.log, parameters: {message: '{{ step.b.x }}{{ step.c.x }}'}}\n"
    )
    assert [step.id for step in found.on_cancel] == ["c", "d"]


def test_a_reference_cannot_be_a_key() -> None:
    found = only(
        with_message(
            "- {id: a, type: utility.log, parameters: {message: {'{{ parameter.host }}': 1}}}"
        )
    )
    assert found == "p.yaml:6:53: the step 'a': message: a reference cannot be a key"


def test_a_slip_of_the_word_is_a_warning() -> None:
    loaded = load(
        with_message(
            "- {id: a, type: utility.log, parameters: {message: '{{ parameters.host }} {{ x.y }}'}}"
        ),
        "p.yaml",
        CATALOG,
    )
    assert loaded.warnings == [
        (
            "p.yaml:6:52: the step 'a': message: '{{ parameters.' stays text: only parameter,"
            " variable, step, credential open a reference; did you mean 'parameter'?"
        )
    ]


def test_an_unknown_domain_is_a_warning() -> None:
    loaded = load(with_step("", "domain: browser"), "p.yaml", CATALOG)
    assert loaded.playbook.domain == "browser"
    assert loaded.warnings == [
        (
            "p.yaml:4:9: domain: expected one of gateway, perspective, designer, utility, found"
            " 'browser'; it is kept"
        )
    ]


def with_parameter(lines: str) -> str:
    return f"name: x\nparameters:\n- {{{lines}}}\nsteps:\n- {{id: a, type: gateway.ping}}\n"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("type: string", "parameter 1 needs the key 'name': expected text, found nothing"),
        ("name: a.b", "the parameter 'a.b' cannot be named in a reference"),
        ("name: a, type: number", "expected string or integer or float or boolean or dict or list"),
        ("name: a, type: bool", "found the text 'bool'; did you mean 'boolean'?"),
        ("name: a, min: 5", "the parameter 'a' has no key 'min'"),
        ("name: a, required: maybe", "required: expected true or false, found the text 'maybe'"),
        ("name: a, default: '{{ variable.x }}'", "default: expected a value without references"),
        ("name: a, type: integer, default: x", "default: expected a whole number, found the text"),
        ("name: a, default: [1]", "the parameter 'a': default: expected text, found a list"),
        (
            "name: a, type: credential, default: {api_token: abcd}",
            "default: expected the name of a stored credential, found a mapping",
        ),
        ("name: a, type: file, default: x", "default: expected an absolute path of a file, found"),
    ],
)
def test_a_wrong_parameter_is_one_line(lines: str, message: str) -> None:
    found = only(with_parameter(lines))
    assert found.startswith("p.yaml:3:")
    assert message in found


def test_a_parameter_is_declared_once_and_is_a_mapping() -> None:
    text = "name: x\nparameters: [{name: a}, {name: a}, b]\nsteps: [{id: a, type: gateway.ping}]"
    assert problems(text) == [
        "p.yaml:2:25: the parameter 'a' is declared twice",
        (
            "p.yaml:2:36: the playbook: parameter 3: expected a mapping with a name and a type,"
            " found the text 'b'"
        ),
    ]


@pytest.mark.parametrize(
    ("lines", "default", "warning"),
    [
        ("name: a, default: 8.30", "8.30", 'default: 8.30 is taken as text: write "8.30" in'),
        ("name: a, default: true", "true", 'default: true is taken as text: write "true" in'),
        ("name: a, type: integer, default: ''", None, "it is taken as no value"),
        ("name: a, type: credential, default: ''", None, "it is taken as no value"),
        ("name: a, type: float, default: '2.5'", 2.5, ""),
        ("name: a, default: ''", "", ""),
        ("name: a, default: ~", None, ""),
        ("name: a, type: list, default: []", [], ""),
    ],
)
def test_defaults_of_older_files_are_taken(lines: str, default: object, warning: str) -> None:
    loaded = load(with_parameter(lines), "p.yaml", CATALOG)
    (parameter,) = loaded.playbook.parameters
    assert (parameter.default, parameter.required) == (default, False)
    assert bool(loaded.warnings) == bool(warning)
    assert warning in "".join(loaded.warnings)


def test_every_problem_is_found_in_one_go_in_the_order_of_the_text() -> None:
    found = problems(
        "nam: x\nsteps:\n- {id: a b, type: utility.slep, timeout: -1}\n- 5\n"
        "parameters: 5\non_cancel: [{id: c, type: utility.log}]\nnam: y\n"
    )
    places = [tuple(map(int, line.split(":")[1:3])) for line in found]
    assert places == sorted(places)
    assert len(found) == 9


def test_messages_are_one_line_whatever_the_text_holds() -> None:
    found = problems(
        'name: "a\\nb"\n"k\\ney": 1\nsteps:\n- {id: "a\\nb", type: "x\\u2028y"}\n', "a\nb"
    )
    assert len(found) == 4 - 1
    assert not [line for line in found if len(line.splitlines()) != 1]
    assert all(line.startswith("a b:") for line in found)


def test_a_line_can_be_asked_for_at_any_location() -> None:
    loaded = load(FULL, "p.yaml", CATALOG)
    assert loaded.line(("steps", 0, "parameters", "seconds"), "m") == "p.yaml:17:27: m"
    assert loaded.line(("steps", 1, "parameters", "level", 3), "m") == "p.yaml:25:7: m"
    assert loaded.line(("steps", 0), "m") == "p.yaml:14:5: m"
    assert loaded.line(("steps", 9, "parameters"), "m") == "p.yaml:14:3: m"
    assert loaded.line(("on_cancel", 0, "id"), "a\nb") == "p.yaml:27:10: a b"
    assert loaded.line((), "m") == "p.yaml:1:1: m"


OLDER = [p.read_text() for p in sorted((Path(__file__).parent / "older").glob("*.yaml"))]
SCRAPS = st.sampled_from(
    [
        "{{ parameter.x }}",
        "{{",
        "}}",
        ": ",
        "- ",
        "\n",
        "\t",
        "'",
        "[",
        "{",
        "&a ",
        "*a",
        "~",
        "1e9",
    ]
)


@given(st.text() | st.binary())
def test_nothing_but_playbook_invalid_is_raised_for_any_text(source: str | bytes) -> None:
    problems(source)


@given(st.sampled_from([FULL, *OLDER]), st.data())
def test_nothing_but_playbook_invalid_is_raised_for_a_spoilt_playbook(
    text: str, data: st.DataObject
) -> None:
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 12)))
        text = text[:start] + data.draw(SCRAPS | st.text(max_size=3)) + text[end:]
    try:
        lines = load(text, "p.yaml", CATALOG).warnings
    except PlaybookInvalid as error:
        lines = error.problems
    assert not [line for line in lines if not re.match(r"p\.yaml:\d+:\d+: \S", line)]
    assert not [line for line in lines if len(line.splitlines()) != 1]
