"""Section 2.6: the log, its loggers, and the log as a database."""

import sqlite3
from pathlib import Path

import pytest

from ignition_toolkit.simulator import SimulatedGateway
from ignition_toolkit.simulator.streams import in_thread
from tests.unit.simulator.conftest import Asker

LOGS = "GET /data/api/v1/logs"
DOWNLOAD = "GET /data/api/v1/logs/download"
LOGGERS = "GET /data/api/v1/logs/loggers"
SET_LEVEL = "POST /data/api/v1/logs/loggers/{name}"
RESET = "POST /data/api/v1/logs/levelreset"


async def messages(ask: Asker, query: str) -> list[str]:
    """Return the levels of the events that a query gives."""
    return [item["level"] for item in (await ask.json(LOGS, query=query))["items"]]


async def test_an_event_has_the_recorded_fields(ask: Asker, gateway: SimulatedGateway) -> None:
    gateway.log("plant.Line", "WARN", "It is hot.")
    (item,) = (await ask.json(LOGS, query="logger=plant.Line"))["items"]
    assert set(item) == {"timestamp", "loggerName", "level", "message", "stack", "mdc"}
    assert item["timestamp"] == pytest.approx(gateway.now * 1000, abs=100)
    with pytest.raises(ValueError, match="level"):
        gateway.log("plant.Line", "LOUD", "")


@pytest.mark.parametrize(
    ("query", "levels"),
    [
        ("", ["INFO", "WARN", "ERROR"]),
        ("minLevel=warn", ["WARN", "ERROR"]),
        ("logger=tags.Execution", ["WARN"]),
        ("logger=tags", []),
        ("startTime=1795000000001", ["WARN", "ERROR"]),
        ("endTime=1795000000001&sortBy=desc(timestamp)", ["WARN", "INFO"]),
        ("properties=a&allowedMarkers=b&limit=1", ["INFO"]),
        ("loggerName[cn]=design", ["ERROR"]),
        ("level=WARN", []),
    ],
)
async def test_events_are_chosen_by_time_level_and_logger(
    query: str, levels: list[str], ask: Asker
) -> None:
    assert await messages(ask, query) == levels


@pytest.mark.parametrize("query", ["startTime=yesterday", "minLevel=LOUD"])
async def test_a_parameter_that_makes_no_sense_is_a_400(query: str, ask: Asker) -> None:
    assert (await ask(LOGS, query=query)).status_code == 400


async def test_the_download_is_a_database_with_all_events(
    ask: Asker, gateway: SimulatedGateway, tmp_path: Path
) -> None:
    response = await ask(DOWNLOAD)
    assert response.headers["content-type"] == "application/x-sqlite3"
    name = response.headers["content-disposition"].partition("filename=")[2].strip('"')
    assert name.startswith("simulated-gateway_Ignition_logs_")
    assert name.endswith(".idb")
    path = tmp_path / name
    path.write_bytes(response.content)
    assert await in_thread(lambda: rows_of(path)) == [
        ("gateway.Startup", "INFO"),
        ("tags.Execution", "WARN"),
        ("designer.Login", "ERROR"),
    ]


def rows_of(path: Path) -> list[tuple[str, str]]:
    """Return logger and level of each event in a database."""
    database = sqlite3.connect(path)
    try:
        query = "SELECT logger_name, level_string FROM logging_event ORDER BY event_id"
        return database.execute(query).fetchall()
    finally:
        database.close()


async def test_levels_are_set_and_reset(ask: Asker) -> None:
    set_level = await ask(SET_LEVEL, name="plant.Line", query="level=TRACE")
    assert (set_level.status_code, set_level.content) == (200, b"")
    loggers = {item["name"]: item["level"] for item in (await ask.json(LOGGERS))["items"]}
    assert (loggers["plant.Line"], loggers["tags.Execution"]) == ("TRACE", "INFO")
    assert (await ask(SET_LEVEL, name="plant.Line")).status_code == 400
    assert (await ask(RESET)).status_code == 200
    assert "plant.Line" not in {item["name"] for item in (await ask.json(LOGGERS))["items"]}


async def test_a_restart_is_in_the_log(ask: Asker, gateway: SimulatedGateway) -> None:
    gateway.restart()
    gateway.pass_time(50)
    assert len(await messages(ask, "logger=gateway.Startup")) == 2
