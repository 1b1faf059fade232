"""Files to and from a gateway: whole or not at all."""

from __future__ import annotations

import asyncio
import zipfile
from pathlib import Path

import pytest

from ignition_toolkit.errors import GatewayRefused, GatewayUnreachable, StepFailed
from ignition_toolkit.gateway import exchange as exchange_module
from ignition_toolkit.gateway.gateway import Gateway
from ignition_toolkit.simulator import SimulatedGateway, make_module
from tests.integration.gateway.conftest import FakeStep
from tests.polling import poll_until_async

BACKUP = "/data/api/v1/backup"
UPLOAD = "/data/api/v1/modules/upload"


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange_module, "PAUSES_S", (0.0, 0.0))


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_a_backup_is_written_whole_and_told_piece_by_piece(
    gateway: Gateway, step: FakeStep, tmp_path: Path
) -> None:
    file = tmp_path / "new" / "gw.gwbk"
    size = await gateway.upkeep.backup(file, step.progress)
    assert zipfile.is_zipfile(file)
    assert file.stat().st_size == size > 900_000
    assert files(file.parent) == ["gw.gwbk"]
    assert step.told[0][2] == "downloading gw.gwbk"


@pytest.mark.parametrize("fault", ["half-open", "reset", "starting"])
async def test_a_download_that_fails_leaves_what_was_there_before(
    simulated: SimulatedGateway, gateway: Gateway, step: FakeStep, tmp_path: Path, fault: str
) -> None:
    file = tmp_path / "gw.gwbk"
    file.write_text("the backup of yesterday")
    simulated.add_fault(fault, path=BACKUP, after_bytes=100_000)
    step.left_s = exchange_module.SPARE_S + 0.3
    with pytest.raises(Exception, match="gateway plant"):
        await gateway.upkeep.backup(file, step.progress)
    assert file.read_text() == "the backup of yesterday"
    assert files(tmp_path) == ["gw.gwbk"]


async def test_a_download_that_breaks_once_begins_anew(
    simulated: SimulatedGateway, gateway: Gateway, step: FakeStep, tmp_path: Path
) -> None:
    simulated.add_fault("reset", path=BACKUP, after_bytes=100_000, count=1)
    await gateway.upkeep.backup(tmp_path / "gw.gwbk", step.progress)
    assert zipfile.is_zipfile(tmp_path / "gw.gwbk")


async def test_a_cancelled_download_leaves_no_file(
    simulated: SimulatedGateway, gateway: Gateway, step: FakeStep, tmp_path: Path
) -> None:
    simulated.add_fault("half-open", path=BACKUP)
    loading = asyncio.ensure_future(gateway.upkeep.backup(tmp_path / "gw.gwbk", step.progress))
    await poll_until_async(lambda: step.told)
    assert len(files(tmp_path)) == 1
    loading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loading
    assert files(tmp_path) == []
    assert step.open == [f"GET {simulated.base_url}{BACKUP}"]


async def test_a_file_that_cannot_be_written_is_told_as_such(
    gateway: Gateway, step: FakeStep, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StepFailed, match=r"/file/gw\.gwbk cannot be written: "):
        await gateway.upkeep.backup(tmp_path / "file" / "gw.gwbk", step.progress)


async def test_a_module_is_sent_and_described(
    simulated: SimulatedGateway, gateway: Gateway, step: FakeStep, tmp_path: Path
) -> None:
    file = tmp_path / "line & co.modl"
    make_module(file, "com.acme.line")
    uploaded = await gateway.modules.upload(file, step.progress)
    assert uploaded.module_id == "com.acme.line"
    assert not uploaded.certificate_accepted
    size = file.stat().st_size
    assert step.told[-1] == (size, size, "uploading line & co.modl")
    (entry,) = simulated.requests("POST", UPLOAD)
    assert (entry.received_bytes, entry.query) == (size, "fileName=line%20%26%20co.modl")


async def test_a_file_that_is_no_module_is_refused(
    gateway: Gateway, step: FakeStep, tmp_path: Path
) -> None:
    (tmp_path / "x.modl").write_text("no module")
    with pytest.raises(GatewayRefused, match="Unable to read module file"):
        await gateway.modules.upload(tmp_path / "x.modl", step.progress)


async def test_a_file_that_cannot_be_read_is_found_before_anything_is_sent(
    simulated: SimulatedGateway, gateway: Gateway, step: FakeStep, tmp_path: Path
) -> None:
    with pytest.raises(StepFailed, match=r"missing\.modl cannot be read: No such file"):
        await gateway.modules.upload(tmp_path / "missing.modl", step.progress)
    assert simulated.requests() == []


async def test_an_upload_that_nobody_reads_is_cancelled_at_once(
    simulated: SimulatedGateway, gateway: Gateway, step: FakeStep, tmp_path: Path
) -> None:
    file = tmp_path / "large.modl"
    with file.open("wb") as out:
        out.truncate(64 * 1024 * 1024)
    simulated.add_fault("never-answer", path=UPLOAD, reads=False)
    sending = asyncio.ensure_future(gateway.modules.upload(file, step.progress))
    await poll_until_async(lambda: step.told and simulated.requests("POST", UPLOAD, is_open=True))
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await poll_until_async(lambda: not simulated.requests("POST", UPLOAD, is_open=True))
    (entry,) = simulated.requests("POST", UPLOAD)
    assert entry.dropped_at is not None
    assert entry.received_bytes < file.stat().st_size


async def test_an_upload_is_not_sent_again_when_its_connection_breaks(
    simulated: SimulatedGateway, gateway: Gateway, step: FakeStep, tmp_path: Path
) -> None:
    make_module(tmp_path / "x.modl", "com.acme.line")
    simulated.add_fault("reset", path=UPLOAD)
    with pytest.raises(GatewayUnreachable):
        await gateway.modules.upload(tmp_path / "x.modl", step.progress)
    assert len(simulated.requests("POST", UPLOAD)) == 1


async def test_a_project_goes_out_and_comes_back_under_another_name(
    gateway: Gateway, step: FakeStep, tmp_path: Path
) -> None:
    name = str((await gateway.projects.all())[0]["name"])
    file = tmp_path / "project.zip"
    await gateway.projects.export(name, file, step.progress)
    await gateway.projects.import_("a new/one", file, step.progress, overwrite=False)
    assert (await gateway.projects.get("a new/one"))["name"] == "a new/one"
    with pytest.raises(GatewayRefused, match="409"):
        await gateway.projects.import_("a new/one", file, step.progress, overwrite=False)
    await gateway.projects.import_("a new/one", file, step.progress, overwrite=True)


async def test_a_project_that_the_gateway_refuses_with_200_is_refused(
    gateway: Gateway, step: FakeStep, tmp_path: Path
) -> None:
    (tmp_path / "p.zip").write_text("no zip file")
    with pytest.raises(GatewayRefused, match="200, but it failed"):
        await gateway.projects.import_("x", tmp_path / "p.zip", step.progress, overwrite=False)
