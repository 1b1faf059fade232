"""What a `gateway.login` step established holds for all that follows in the same execution."""

from __future__ import annotations

from ignition_toolkit.credentials import Secret
from ignition_toolkit.credentials.vault import CredentialType
from ignition_toolkit.execution.requests import CredentialRequest, Requester, RerunRequest
from ignition_toolkit.playbook.models import ExecutionStatus
from ignition_toolkit.simulator import SimulatedGateway
from tests.integration.execution.rig import Rig, playbook, step, step_statuses

KEY = "another-key-0123456789"
ME = Requester("cli", "anna")


async def test_a_log_in_holds_for_a_fresh_runner_for_on_cancel_and_for_a_rerun(rig: Rig) -> None:
    await rig.worker.put_credential(
        CredentialRequest("key", CredentialType.API_TOKEN, Secret(f"other:{KEY}"), ME)
    )
    late, wait = rig.point("late"), rig.point("wait")
    text = playbook(
        step("in", "gateway.login", credential="{{ credential.key }}"),
        step("late", "held.thread", point=str(late), timeout=0.5, on_failure="continue"),
        step("after", "gateway.list_projects"),
        step("wait", "held.wait", point=str(wait)),
        parameters=[{"name": "gateway_url", "type": "string"}],
        on_cancel=[step("tidy", "gateway.list_modules")],
    )
    async with SimulatedGateway() as simulated:
        simulated.add_key("other", KEY)
        execution_id = await rig.start(text, gateway_url=simulated.base_url)
        await wait.reached()
        view, record = await rig.cancelled(execution_id)
        assert [result.status for result in record.on_cancel] == ["completed"], record
        assert len(simulated.requests("GET", "/data/api/v1/projects/list")) == 1
        assert step_statuses(view)["after"] == "completed"

        again = await rig.worker.rerun(execution_id, RerunRequest(from_step="after"))
        wait.go()
        final = await rig.final(again.execution_id)
        assert final.status is ExecutionStatus.COMPLETED, final.error
        assert step_statuses(final) == {
            "in": "completed", "late": "skipped", "after": "completed", "wait": "completed",
        }  # fmt: skip
        assert {entry.key_name for entry in simulated.requests()} == {"other"}
    rig.worker.close()
    folder = rig.worker.settings.data_dir
    assert not [file for file in folder.rglob("itk.db*") if KEY.encode() in file.read_bytes()]
