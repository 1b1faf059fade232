"""Section 2.3: trial, banners, licences."""

from ignition_toolkit.simulator import SimulatedGateway
from tests.unit.simulator.conftest import Asker

TRIAL = "GET /data/api/v1/trial"
RESET = "POST /data/api/v1/trial"


async def test_the_trial_runs_down_with_time_and_needs_no_key(
    ask: Asker, gateway: SimulatedGateway
) -> None:
    ask.headers = {}
    fresh = await ask.json(TRIAL)
    assert (fresh["trialSecondsLeft"], fresh["expired"]) == (7199, False)
    assert set(fresh) == {
        "licenseMode",
        "trialState",
        "trialSecondsLeft",
        "expired",
        "emergency",
        "emergencySecondsLeft",
        "development",
        "developmentSecondsLeft",
    }
    gateway.pass_time(7198)
    assert (await ask.json(TRIAL))["trialSecondsLeft"] == 1
    gateway.pass_time(2)
    assert (await ask.json(TRIAL))["expired"]


async def test_a_trial_is_reset_only_when_it_is_over(ask: Asker, gateway: SimulatedGateway) -> None:
    assert (await ask(RESET)).status_code == 403
    gateway.expire_trial()
    fresh = await ask.json(RESET)
    assert (fresh["trialSecondsLeft"], fresh["expired"]) == (7199, False)


async def test_the_banner_warns_when_the_trial_is_over(
    ask: Asker, gateway: SimulatedGateway
) -> None:
    row = "GET /data/api/v1/overview/banners"
    data = (await ask.json(row))["banners"][0]["data"]
    assert data["severity"] == "info"
    assert data["expireTime"] > gateway.now * 1000
    gateway.expire_trial()
    data = (await ask.json(row))["banners"][0]["data"]
    assert (data["severity"], data["expireTime"]) == ("warning", None)


async def test_a_licensed_gateway_has_no_trial(ask: Asker, gateway: SimulatedGateway) -> None:
    gateway.configure(licensed=True)
    gateway.expire_trial()
    assert not (await ask.json(TRIAL))["expired"]
    assert (await ask.json("GET /data/api/v1/overview/banners"))["banners"] == []
    licenses = await ask.json("GET /data/api/v1/licenses")
    assert (licenses["leasedUnactivateTimeoutMS"], licenses["busy"]) == (7500, False)
