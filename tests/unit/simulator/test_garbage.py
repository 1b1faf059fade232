"""Whatever is sent to whichever row, the simulator answers and makes no mistake of its own."""

import re

import pytest

from ignition_toolkit.simulator import SimulatedGateway
from ignition_toolkit.simulator.routes import ROWS
from tests.unit.simulator.conftest import Asker

BODIES = [
    b"",
    b"null",
    b"[]",
    b'"text"',
    b"[null]",
    b"\xff\xfe",
    b'{"name": 3, "token": [], "enable": [{}], "uninstall": "x", "challenge": 1, "data": []}',
    b'[{"name": {}, "config": {"profile": {"securityLevels": 3}}, "signature": []}]',
    b'[{"name": "x", "config": {"profile": 3, "settings": 3}, "files": 3}]',
]
#: Parts of paths: of nothing that is there, and of what the samples have.
UNKNOWN = {"mod": "x", "type": "x", "name": "\u00e4/ ", "id": "%2e", "os": "..", "arch": "x"}
PROVIDER = {"mod": "ignition", "type": "tag-provider", "name": "default"}
PROJECT = {"mod": "ignition", "type": "api-token", "name": "demo"}

ASKED = [
    ("", UNKNOWN),
    ("limit=-5&offset=-3&sortBy=asc(name)&search=%00&name%5Brgx%5D=.", PROVIDER),
    ("moduleId=x&fileName=../x&provider=default&type=json&path=//&level=OFF&sessionId=x", PROJECT),
    ("signature=x&newName=x&name=default&newCollection=x&step=modules&token=x&code=x", PROVIDER),
    ("moduleId=com.inductiveautomation.webdev&confirm=true&overwrite=true", PROJECT),
]
JSON_TYPE = "application/json"
#: They are not there to answer; tests of their own tell what they do.
WAITING = {"/simulator/never", "/simulator/slow"}


@pytest.mark.parametrize("content", BODIES, ids=range(len(BODIES)))
async def test_garbage_is_answered(
    content: bytes, ask: Asker, gateway: SimulatedGateway, caplog: pytest.LogCaptureFixture
) -> None:
    gateway.configure(restart_s=0, restart_delay_s=0, commissioning_after_restart=False)
    for row in ROWS:
        if row.path in WAITING or (row.method == "GET" and content):
            continue
        headers = {"Content-Type": "application/zip" if "import" in row.path else JSON_TYPE}
        for query, parts in ASKED:
            given = {key: parts.get(key, "x") for key in re.findall(r"{(\w+)}", row.path)}
            await ask(row.name, query=query, content=content, headers=headers, **given)
    assert "failed" not in caplog.text
    assert not gateway.requests(is_open=True)
    assert not [entry for entry in gateway.requests() if entry.dropped_at]
