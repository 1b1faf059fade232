"""A run that lets secrets out in every way: nothing that is kept or shown holds one.

Real runners, a real vault, a real database; what other processes could see is looked at too.
"""

from __future__ import annotations

import base64
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from fastapi import FastAPI

from ignition_toolkit.api.app import create_app
from ignition_toolkit.credentials import REDACTED, Secret
from ignition_toolkit.credentials.vault import CredentialType
from ignition_toolkit.errors import NamesUnknown
from ignition_toolkit.execution import artifact_redactor
from ignition_toolkit.execution.artifact_redaction import redact_files
from ignition_toolkit.execution.requests import (
    CredentialRequest,
    GatewayRequest,
    Requester,
    RerunRequest,
)
from ignition_toolkit.playbook.gateways import GatewayEntry
from tests.integration.execution.rig import SOON_S, Data, Rig, playbook, step, steps

#: What stands in the clear in every spelling of the two secrets but base64.
PASSWORD_CORE, TOKEN_CORE = "Kx7QzW9mVb3TfR2h", "tG4yNc8LpZ6dHs1w"
PASSWORD = f"p ss/{PASSWORD_CORE}\"w\\ö<&%+\n'end"
TOKEN = f"itk:{TOKEN_CORE}"
ME = Requester("cli", "anna")

SCRIPT = """
import base64, sys, time
from urllib.parse import quote
secret = r'''{{ credential.plant.password }}'''
print("value:", secret)
print("KEY=" + secret.replace(chr(10), " "))
print("encoded", quote(secret), base64.b64encode(secret.encode()).decode())
sys.stdout.write(secret[:12]); sys.stdout.flush(); time.sleep(0.05)
sys.stdout.write(secret[12:]); sys.stdout.flush()
print("on stderr", secret, file=sys.stderr)
set_variable("from_script", [secret])
open("{{ step.spill.files }}/by a script", "w").write(secret)
raise ValueError(secret)
"""


def pieces() -> Iterator[bytes]:
    """Yield what must be found nowhere: halves of the cores, and the secrets inside base64."""
    for core in (PASSWORD_CORE, TOKEN_CORE):
        yield from (core[:8].encode(), core[8:].encode())
    for secret in (PASSWORD, TOKEN):
        for offset in range(3):
            encoded = base64.b64encode(b"u" * offset + secret.encode())
            # Without the letters that are made of what stands before and after as well.
            yield encoded[4:-4]


def leaks(where: str, octets: bytes) -> list[str]:
    return [f"{where} holds {piece!r}" for piece in pieces() if piece in octets]


def in_files(folder: Path) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {"itk.db", "credentials.vault", "vault.key"} <= {path.name for path in files}
    return [leak for path in files for leak in leaks(path.name, path.read_bytes())]


def in_processes() -> list[str]:
    """Look at what every process of the machine shows to those who may look."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            try:
                found += leaks(str(process / name), (process / name).read_bytes())
            except OSError:
                # It has ended, or is somebody else's.
                continue
    return found


#: What tells of what is stored, as programs and as people get it.
STORED = ("/api/credentials", "/api/gateways", "/api/audit", "/credentials", "/gateways")


def answers(execution_id: str) -> list[str]:
    """Return what tells of an execution, and of all of them."""
    api, page = f"/api/executions/{execution_id}", f"/executions/{execution_id}"
    parts = ("log", "log.txt", "export.json", "export.xml", "artifacts", "details", "about")
    own = [api, f"{api}/status", page, *(f"{page}/{part}" for part in parts)]
    return [*own, "/api/executions", "/", "/changes?after=0", "/health", "/metrics"]


async def in_answers(app: FastAPI, *addresses: str) -> list[str]:
    """Look at what a server answers to programs, and to people where it is a page."""
    found: list[str] = []
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:5000") as client:
        for address in addresses:
            kind = "*/*" if address.startswith("/api/") else "text/html"
            answer = await client.get(address, headers={"Accept": kind})
            assert answer.status_code == 200, address
            found += leaks(address, answer.content)
    return found


def careless(point: str) -> str:
    """Return a playbook that lets its secrets out, and then stands at a point."""
    spill: list[Data] = [
        step("spill", "held.spill", credential="plant"),
        step("fail", "held.spill", credential="plant", fails=True, on_failure="continue"),
        step("token", "held.spill"),
        step("log", "utility.log", message="it is {{ credential.plant.password }}!"),
        step("set", "utility.set_variable", name="v", value=["{{ credential.plant.password }}"]),
        step("script", "utility.python", script=SCRIPT, on_failure="continue"),
        step("wait", "held.wait", point=point),
    ]
    parameters = [
        {"name": "gateway", "type": "string"},
        {"name": "login", "type": "credential"},
    ]
    begin = step("begin", "held.wait", point=f"{point}-begin")
    return playbook(begin, *spill, parameters=parameters)


async def store_secrets(rig: Rig) -> None:
    plant = CredentialRequest("plant", CredentialType.PASSWORD, Secret(PASSWORD), ME, "admin")
    await rig.worker.put_credential(plant)
    key = CredentialRequest("key", CredentialType.API_TOKEN, Secret(TOKEN), ME)
    await rig.worker.put_credential(key)
    entry = GatewayEntry(name="main", urls=("http://plant:8088",), credential="key")
    await rig.worker.put_gateway(GatewayRequest(entry, ME))


async def change_all(rig: Rig) -> None:
    """Replace and remove everything, which is of no matter to a run that has it."""
    other = Secret("another one")
    plant = CredentialRequest("plant", CredentialType.PASSWORD, other, ME, replace=True)
    await rig.worker.put_credential(plant)
    await rig.worker.remove_gateway("main", ME)
    await rig.worker.remove_credential("key", ME)


async def test_nothing_that_is_kept_or_shown_holds_a_secret_of_a_careless_run(
    rig: Rig, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    go = threading.Event()

    # Any: the arguments of what is held up.
    def held_up(*given: Any) -> list[str]:
        return redact_files(*given) if go.wait(SOON_S) else []

    monkeypatch.setattr(artifact_redactor, "redact_files", held_up)
    await store_secrets(rig)
    point, begin = rig.point(), rig.point("point-begin")
    execution_id = await rig.start(careless(str(point)), gateway="main", login="plant")
    await begin.reached()
    app = create_app(rig.worker)
    assert await in_answers(app, *STORED) == []
    await change_all(rig)
    begin.go()
    await point.reached()
    assert in_processes() == []
    listed = await rig.worker.archive.artifacts(execution_id)
    files = [f"/executions/{execution_id}/artifacts/{quote(a.name)}" for a in listed.items]
    assert len(files) > 30
    assert sum("***" in file.name for file in listed.items) == 3
    assert await in_answers(app, *files, *answers(execution_id)) == []
    view, _ = await rig.cancelled(execution_id)

    by_id = steps(view)
    spilled, token = by_id["spill"].output, by_id["token"].output
    assert spilled is not None
    assert token is not None
    assert (spilled["length"], spilled["plain"]) == (len(PASSWORD), REDACTED)
    assert token["length"] == len(TOKEN)
    for failed in ("fail", "script"):
        assert REDACTED in str(by_id[failed].error)
    lines = await rig.log(execution_id)
    assert sum(REDACTED in line for line in lines) > 60
    held = [row.data["holds"] for row in await rig.events(execution_id, "execution")]
    assert {"claims": [{"kind": "gateway", "name": "main"}], "leftovers": []} in held

    # No file is replaced yet: the cancel did not wait for that.
    folder = rig.worker.settings.artifacts_dir / execution_id
    assert PASSWORD in (folder / "spill" / "plain").read_text("utf-8")
    stream = f"/api/executions/{execution_id}/events"
    assert await in_answers(app, *files, *answers(execution_id), stream, *STORED) == []
    assert leaks("the server's log", caplog.text.encode()) == []
    with pytest.raises(NamesUnknown, match="no gateway is registered as 'main'"):
        await rig.worker.rerun(execution_id, RerunRequest())
    go.set()
    rig.worker.close()
    names = [path.name for path in folder.rglob("*") if path.is_file()]
    assert len(names) == len(files)
    assert {"by a script", "all.json", "long.txt", "log", "***"} <= set(names)
    assert [leak for name in names for leak in leaks("a name", name.encode())] == []
    assert in_files(rig.worker.settings.data_dir) == []
