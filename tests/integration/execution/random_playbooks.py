"""Random small playbooks: steps that end, fail, die or stay stuck, nested and cleaned up after.

Each takes the parameter `at`, with which the names of its steps' files begin: those of the step
`outer/inner` begin with `outer.inner` behind it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from hypothesis import strategies as st

from tests.integration.execution.rig import Data

#: Stands for the name of one execution's playbooks in the library.
NAME = "NAME"
FILE = "{{ parameter.at }}STEP_ID"

BEATS = """
import os, time

def beat():
    start = open("/proc/self/stat").read().rpartition(")")[2].split()[19]
    with open(r"{{ parameter.at }}STEP_ID", "a") as out:
        out.write(f"{os.getpid()} {start} {time.monotonic():.6f}\\n")

until = time.monotonic() + 60
while time.monotonic() < until:
    beat()
    time.sleep(0.02)
"""

#: Kinds and parameters of steps that end by themselves, soon.
ENDING: tuple[tuple[str, Data], ...] = (
    ("utility.log", {"message": "a line"}),
    ("utility.sleep", {"seconds": 0.05}),
    ("utility.set_variable", {"name": "v", "value": [1, None, "x"]}),
    ("utility.python", {"script": "print('KEY=value')"}),
    ("utility.python", {"script": "raise ValueError('it has to fail')"}),
    ("held.fail", {"point": FILE, "times": 1}),
    ("held.fail", {"point": FILE}),
    ("held.end", {"point": FILE, "how": "exit", "times": 1}),
    ("held.end", {"point": FILE, "how": "kill"}),
    ("stuck.async_sleep", {"beat": FILE, "seconds": 0.3}),
)
#: Those that do not, or leave something that does not.
STUCK: tuple[tuple[str, Data], ...] = (
    ("utility.python", {"script": BEATS}),
    ("utility.python", {"script": BEATS.replace("time.sleep(0.02)", "try: time.sleep(0.02)\n"
                                                "    except KeyboardInterrupt: pass")}),
    ("held.leave", {"point": FILE}),
    ("stuck.async_sleep", {"beat": FILE}),
    ("stuck.time_sleep", {"beat": FILE}),
    ("stuck.swallows_cancel", {"beat": FILE}),
    ("stuck.finally_blocks", {"beat": FILE}),
    ("stuck.thread_left", {"beat": FILE, "seconds": 0.3}),
    ("stuck.child_processes", {"beat": FILE}),
    ("stuck.daemon", {"beat": FILE}),
)  # fmt: skip

FIELDS = st.fixed_dictionaries(
    {
        "timeout": st.sampled_from([300.0, 300.0, 0.6, 0.2]),
        "retry_count": st.sampled_from([0, 0, 1, 2]),
        "retry_delay": st.sampled_from([0.0, 0.1, 30.0]),
        "on_failure": st.sampled_from(["continue", "abort"]),
    }
)
#: Two of these are one gateway.
GATEWAYS = st.sampled_from([None, None, "http://one:8088", "HTTP://ONE:8088/", "http://two:8088"])


@dataclass(frozen=True)
class Drawn:
    """A playbook, and those that it can run."""

    main: Data
    nested: Mapping[str, Data]

    def texts(self, name: str) -> dict[str, str]:
        """Return YAML texts by library path; the main one is `NAME.yaml`, NAME being `name`."""
        playbooks = {f"{NAME}.yaml": self.main, **self.nested}
        return {
            path.replace(NAME, name): yaml.safe_dump(playbook, sort_keys=False).replace(NAME, name)
            for path, playbook in playbooks.items()
        }


@st.composite
def drawn_playbooks(draw: st.DrawFn) -> Drawn:
    """Draw a playbook and those that it can run, three deep."""
    deep, inner = f"{NAME}-deep.yaml", f"{NAME}-inner.yaml"
    nested = {deep: draw(_playbooks()), inner: draw(_playbooks(deep))}
    main = draw(_playbooks(inner, deep, most=3))
    if (gateway := draw(GATEWAYS)) is not None:
        main["parameters"].append({"name": "gateway_url", "type": "string", "default": gateway})
    return Drawn(main, nested)


@st.composite
def _playbooks(draw: st.DrawFn, *below: str, most: int = 2) -> Data:
    count = draw(st.integers(1, most))
    made: Data = {
        "name": "Random",
        "parameters": [{"name": "at", "type": "string"}],
        "steps": [draw(_steps(f"s{number}", *below)) for number in range(count)],
        # The main playbook's counts also where only a nested one has steps to clean up.
        "on_cancel_timeout": draw(st.sampled_from([2.0, 0.5])),
    }
    if draw(st.integers(0, 2)) == 2:
        made["on_cancel"] = [_leaf("t0", *draw(st.sampled_from((*ENDING, *STUCK)))), *_LAST]
    return made


@st.composite
def _steps(draw: st.DrawFn, step_id: str, *below: str) -> Data:
    fields = draw(FIELDS)
    if below and draw(st.integers(0, 3)) == 3:
        path = draw(st.sampled_from(below))
        parameters = {"playbook": path, "at": f"{FILE}.".replace("STEP_ID", step_id)}
        return {"id": step_id, "type": "playbook.run", "parameters": parameters, **fields}
    kinds = draw(st.sampled_from([ENDING, STUCK, STUCK]))
    return {**_leaf(step_id, *draw(st.sampled_from(kinds))), **fields}


# Any: YAML values.
def _leaf(step_id: str, kind: str, parameters: Data) -> dict[str, Any]:
    filled = {
        name: value.replace("STEP_ID", step_id) if isinstance(value, str) else value
        for name, value in parameters.items()
    }
    return {"id": step_id, "type": kind, "parameters": filled}


_LAST = (_leaf("t1", "utility.log", {"message": "the last line"}),)
