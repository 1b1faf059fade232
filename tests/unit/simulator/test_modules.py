"""Section 2.2: modules from the upload to the restart that makes them run."""

import zipfile
from pathlib import Path
from typing import Any

import pytest

from ignition_toolkit.simulator import SimulatedGateway, make_module
from ignition_toolkit.simulator.streams import in_thread
from tests.unit.simulator.conftest import JSON, Asker

HEALTHY = "GET /data/api/v1/modules/healthy"
QUARANTINED = "GET /data/api/v1/modules/quarantined"
UPLOAD = "POST /data/api/v1/modules/upload"
READ_CERTIFICATE = "GET /data/api/v1/modules/certificate"
ACCEPT_CERTIFICATE = "POST /data/api/v1/modules/certificate"
READ_EULA = "GET /data/api/v1/modules/eula"
ACCEPT_EULA = "POST /data/api/v1/modules/eula"
INSTALL = "POST /data/api/v1/modules/install"
TOGGLE = "PUT /data/api/v1/modules/toggle-state"
UNINSTALL = "DELETE /data/api/v1/modules/uninstall"
PING = "GET /StatusPing"

WEBDEV = "com.inductiveautomation.webdev"
OURS = "com.example.line"
QUERY = f"moduleId={OURS}"


# Any: the options of make_module.
async def send(ask: Asker, folder: Path, version: str = "1.0.0", **options: Any) -> dict[str, Any]:
    """Make a module file, upload it, and return the answer."""
    path = folder / "line.modl"
    await in_thread(lambda: make_module(path, OURS, version, **options))
    body: dict[str, Any] = await ask.json(
        UPLOAD, query=f"fileName={path.name}", content=path.read_bytes()
    )
    return body


async def found(ask: Asker, row: str, module_id: str = OURS) -> dict[str, Any] | None:
    """Return a module from a list, None where it is not there."""
    items = (await ask.json(row, query=f"id[eq]={module_id}"))["items"]
    return items[0] if items else None


async def restarted(ask: Asker, gateway: SimulatedGateway) -> None:
    """Restart the gateway, and wait until the modules have settled."""
    gateway.restart()
    gateway.pass_time(50)
    assert (await ask.json(PING))["state"] == "RUNNING"
    gateway.pass_time(10)


async def test_a_sample_module_is_active_with_the_recorded_fields(ask: Asker) -> None:
    module = await found(ask, HEALTHY, WEBDEV)
    assert module is not None
    assert (module["state"], module["onStartup"], module["shouldUpgrade"]) == (
        "ACTIVE",
        "enabled",
        False,
    )
    assert isinstance(module["vendorId"], int)


async def test_a_signed_module_is_installed_and_runs_after_a_restart(
    ask: Asker, gateway: SimulatedGateway, tmp_path: Path
) -> None:
    told = await send(ask, tmp_path, eula="<p>Agree?</p>")
    assert told == {
        "moduleId": OURS,
        "licenseAccepted": False,
        "certAccepted": False,
        "containsEula": True,
        "containsCert": True,
    }
    assert (await ask.json(READ_CERTIFICATE, query=QUERY))["selfSigned"] is False
    assert (await ask(READ_EULA, query=QUERY)).text == "<p>Agree?</p>"
    assert (await ask.json(ACCEPT_CERTIFICATE, query=QUERY))["success"]
    assert (await ask.json(ACCEPT_EULA, query=QUERY))["success"]
    again = await ask(ACCEPT_CERTIFICATE, query=QUERY, headers=JSON)
    assert again.status_code == 409
    assert again.json()["message"] == "Module Certificate already accepted."
    assert (await ask(ACCEPT_EULA, query=QUERY)).status_code == 409
    assert await found(ask, HEALTHY) is None
    assert (await ask.json(INSTALL, query=QUERY))["message"] == "Module successfully installed."
    module = await found(ask, HEALTHY)
    assert module is not None
    assert module["state"] == "INACTIVE"
    await restarted(ask, gateway)
    module = await found(ask, HEALTHY)
    assert module is not None
    assert module["state"] == "ACTIVE"


async def test_an_unsigned_module_is_quarantined_until_its_certificate_is_accepted(
    ask: Asker, tmp_path: Path
) -> None:
    told = await send(ask, tmp_path, signed=False)
    assert (told["containsCert"], told["certAccepted"]) == (False, False)
    assert (await ask(READ_CERTIFICATE, query=QUERY)).status_code == 404
    assert (await ask(READ_EULA, query=QUERY)).status_code == 404
    await ask.json(INSTALL, query=QUERY)
    quarantined = await found(ask, QUARANTINED)
    assert quarantined is not None
    assert quarantined["reason"] == "Module is unsigned and developer mode not enabled."
    await ask.json(ACCEPT_CERTIFICATE, query=QUERY)
    assert await found(ask, QUARANTINED) is None
    assert await found(ask, HEALTHY) is not None


async def test_a_quarantine_may_clear_at_the_restart_only(
    ask: Asker, gateway: SimulatedGateway, tmp_path: Path
) -> None:
    gateway.configure(quarantine_clears="restart")
    await send(ask, tmp_path)
    await ask.json(INSTALL, query=QUERY)
    quarantined = await found(ask, QUARANTINED)
    assert quarantined is not None
    assert quarantined["reason"] == "Certificate has not been accepted."
    await ask.json(ACCEPT_CERTIFICATE, query=QUERY)
    assert await found(ask, QUARANTINED) is not None
    await restarted(ask, gateway)
    assert await found(ask, QUARANTINED) is None


async def test_a_newer_file_waits_for_a_restart_while_the_old_version_runs(
    ask: Asker, gateway: SimulatedGateway, tmp_path: Path
) -> None:
    gateway.configure(first_install_needs_restart=False, install_answer="spec")
    installed: list[dict[str, Any]] = []
    for version in ("1.0.0 (b1)", "2.0.0 (b2)"):
        await send(ask, tmp_path, version)
        await ask(ACCEPT_CERTIFICATE, query=QUERY)
        installed.append(await ask.json(INSTALL, query=QUERY))
    assert installed[-1]["upgradeVersion"] == "2.0.0 (b2)"
    module = await found(ask, HEALTHY)
    assert module is not None
    assert (module["version"], module["shouldUpgrade"]) == ("1.0.0 (b1)", True)
    await restarted(ask, gateway)
    module = await found(ask, HEALTHY)
    assert module is not None
    assert (module["version"], module["shouldUpgrade"]) == ("2.0.0 (b2)", False)


async def test_a_restart_with_an_unaccepted_module_leads_to_the_commissioner(
    ask: Asker, gateway: SimulatedGateway, tmp_path: Path
) -> None:
    await send(ask, tmp_path, eula="<p>Agree?</p>")
    await ask.json(INSTALL, query=QUERY)
    gateway.restart()
    gateway.pass_time(41)
    assert (await ask.json(PING))["details"] == "COMMISSIONING"
    step = await ask.json("GET /get-step", query="step=modules")
    assert step == {"certificate": [{"moduleId": OURS}], "license": [{"moduleId": OURS}]}
    data: dict[str, Any] = {
        "acceptedLicenses": [OURS],
        "acceptedCertificates": [OURS, "com.example.unknown"],
    }
    await ask.json("POST /post-step", json={"id": "modules", "step": "modules", "data": data})
    data = {"startGateway": True}
    await ask.json("POST /post-step", json={"id": "finished", "step": "finished", "data": data})
    gateway.pass_time(50)
    module = await found(ask, HEALTHY)
    assert module is not None
    assert module["state"] == "ACTIVE"


async def test_who_finishes_without_accepting_keeps_the_module_in_quarantine(
    ask: Asker, gateway: SimulatedGateway, tmp_path: Path
) -> None:
    await send(ask, tmp_path)
    await ask.json(INSTALL, query=QUERY)
    gateway.restart()
    gateway.pass_time(41)
    data = {"startGateway": True}
    await ask.json("POST /post-step", json={"id": "finished", "step": "finished", "data": data})
    gateway.pass_time(41)
    assert await ask.json(PING) == {"state": "RUNNING"}
    assert await found(ask, QUARANTINED) is not None


async def test_modules_settle_after_running_and_stop_with_the_trial(
    ask: Asker, gateway: SimulatedGateway
) -> None:
    gateway.restart()
    gateway.pass_time(41)
    module = await found(ask, HEALTHY, WEBDEV)
    assert module is not None
    assert module["state"] == "INACTIVE"
    gateway.pass_time(5)
    module = await found(ask, HEALTHY, WEBDEV)
    assert module is not None
    assert module["state"] == "ACTIVE"
    gateway.expire_trial()
    module = await found(ask, HEALTHY, WEBDEV)
    assert module is not None
    assert module["state"] == "INACTIVE"


async def test_toggling_takes_effect_at_the_next_start(
    ask: Asker, gateway: SimulatedGateway
) -> None:
    unknown = {"enable": [], "disable": [WEBDEV, "com.example.unknown"]}
    told = await ask.json(TOGGLE, json=unknown)
    assert told == {
        "success": False,
        "failedUpdates": {"enable": [], "disable": ["com.example.unknown"]},
    }
    pending = await ask.json("GET /data/api/v1/restart-tasks/pending")
    assert pending == {"pending": [f"Module Disabled: {WEBDEV}"]}
    module = await found(ask, HEALTHY, WEBDEV)
    assert module is not None
    assert (module["onStartup"], module["state"]) == ("disabled", "ACTIVE")
    await restarted(ask, gateway)
    module = await found(ask, HEALTHY, WEBDEV)
    assert module is not None
    assert "state" not in module
    assert (await ask.json(TOGGLE, json={"enable": [WEBDEV]}))["success"]


async def test_uninstalling_takes_effect_at_the_next_start_and_may_be_refused_with_200(
    ask: Asker, gateway: SimulatedGateway
) -> None:
    gateway.configure(read_only_modules=[WEBDEV])
    refused = await ask.json(UNINSTALL, json={"uninstall": [WEBDEV]})
    assert refused == {"success": False, "failedUninstalls": {"uninstall": [WEBDEV]}}
    gateway.configure(read_only_modules=[], uninstall_answer="spec")
    told = await ask.json(UNINSTALL, json={"uninstall": [WEBDEV]})
    assert (told["success"], "message" in told) == (True, True)
    assert await found(ask, HEALTHY, WEBDEV) is not None
    await restarted(ask, gateway)
    assert await found(ask, HEALTHY, WEBDEV) is None


async def test_a_fault_of_a_module_is_told(ask: Asker, gateway: SimulatedGateway) -> None:
    gateway.set_module_fault(WEBDEV, "no port")
    module = await found(ask, HEALTHY, WEBDEV)
    assert module is not None
    assert (module["faultCause"], module["state"]) == ("no port", "INACTIVE")
    with pytest.raises(KeyError, match="there is no module"):
        gateway.set_module_fault("com.example.unknown", None)


async def test_a_bad_body_for_toggle_or_uninstall_is_a_500(ask: Asker) -> None:
    for row in (TOGGLE, UNINSTALL):
        for content in (b"", b"[]", b'{"enable": 3, "uninstall": 3}'):
            assert (await ask(row, content=content)).status_code == 500


@pytest.mark.parametrize(
    ("descriptor", "told"),
    [
        (None, "it has no module.xml"),
        ("<modules><module><id>x</id></module></modules>", "no name, version"),
        ("<modules", "not XML"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><modules/>", "document type"),
    ],
)
async def test_a_file_that_is_no_module_is_refused(
    descriptor: str | None, told: str, ask: Asker, tmp_path: Path
) -> None:
    path = tmp_path / "bad.modl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("other.txt" if descriptor is None else "module.xml", descriptor or "")
    response = await ask(UPLOAD, query="fileName=bad.modl", content=path.read_bytes(), headers=JSON)
    assert response.status_code == 400
    assert told in response.json()["message"]


async def test_one_module_alone_cannot_be_restarted(ask: Asker) -> None:
    for path in ("POST /data/api/v1/modules/restart", "POST /data/api/v1/restart-tasks/module"):
        assert (await ask(path, query="moduleId=com.example.unknown")).status_code == 404


async def test_an_upload_needs_a_file_name_and_a_zip_file(ask: Asker) -> None:
    assert (await ask(UPLOAD, content=b"x")).status_code == 400
    assert (await ask(UPLOAD, query="fileName=x.modl", content=b"not a zip")).status_code == 400


@pytest.mark.parametrize(
    ("row", "status"),
    [
        (READ_CERTIFICATE, 404),
        (ACCEPT_CERTIFICATE, 400),
        (READ_EULA, 404),
        (ACCEPT_EULA, 400),
        (INSTALL, 400),
    ],
)
async def test_an_unknown_module_is_told(row: str, status: int, ask: Asker) -> None:
    assert (await ask(row, query="moduleId=com.example.unknown")).status_code == status
    assert (await ask(row)).status_code == status
