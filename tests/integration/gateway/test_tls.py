"""Whom a client trusts to be the gateway."""

from __future__ import annotations

from pathlib import Path

import pytest

from ignition_toolkit.errors import GatewayUntrusted, StepFailed
from ignition_toolkit.gateway.target import GatewayTarget, Tls
from ignition_toolkit.simulator import SimulatedGateway
from tests.integration.gateway.conftest import FakeStep, opened


async def test_whom_to_trust(tmp_path: Path) -> None:
    """One test, as making a certificate costs more than all of this."""
    async with SimulatedGateway(tls=True) as simulated:
        url, certificate = simulated.tls_url, simulated.certificate
        assert url is not None
        assert certificate is not None
        own, missing = tmp_path / "gateway.pem", tmp_path / "missing.pem"
        own.write_text(certificate)
        await assert_untrusted(GatewayTarget("plant", url))
        await assert_trusted(GatewayTarget("plant", url, tls=Tls.INSECURE))
        await assert_trusted(GatewayTarget("plant", url, tls=Tls.CA_FILE, ca_file=str(own)))
        by_address = url.replace("localhost", "127.0.0.1")
        await assert_untrusted(
            GatewayTarget("plant", by_address, tls=Tls.CA_FILE, ca_file=str(own))
        )
        with pytest.raises(StepFailed, match="expected a PEM file"):
            await assert_trusted(GatewayTarget("plant", url, tls=Tls.CA_FILE, ca_file=str(missing)))


async def assert_trusted(target: GatewayTarget) -> None:
    async with opened(target, FakeStep()) as gateway:
        assert (await gateway.upkeep.ping())["state"] == "RUNNING"


async def assert_untrusted(target: GatewayTarget) -> None:
    async with opened(target, FakeStep()) as gateway:
        with pytest.raises(GatewayUntrusted, match="--insecure"):
            await gateway.readiness.wait(60)
