"""Section 2: filters, order and window of every list, asked of the list of modules."""

import pytest

from ignition_toolkit.simulator import SimulatedGateway
from tests.unit.simulator.conftest import Asker

HEALTHY = "GET /data/api/v1/modules/healthy"


async def names(ask: Asker, query: str) -> list[str]:
    """Return the names in the list that a query gives."""
    body = await ask.json(HEALTHY, query=query)
    return [item["name"] for item in body["items"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["Perspective", "OPC-UA", "WebDev"]),
        ("sortBy=asc(name)", ["OPC-UA", "Perspective", "WebDev"]),
        ("sortBy=desc(name)&limit=1", ["WebDev"]),
        ("offset=1&limit=1", ["OPC-UA"]),
        ("limit=-1", ["Perspective", "OPC-UA", "WebDev"]),
        ("search=persp", ["Perspective"]),
        ("name[eq]=WebDev", ["WebDev"]),
        ("name[ne]=WebDev", ["Perspective", "OPC-UA"]),
        ("name[cn]=ERSP", ["Perspective"]),
        ("name[sw]=Web", ["WebDev"]),
        ("name[ew]=UA", ["OPC-UA"]),
        ("name[gt]=P", ["Perspective", "WebDev"]),
        ("vendorId[gte]=0&name[lt]=P", ["OPC-UA"]),
        ("vendorId[lte]=-1", []),
        ("name[rgx]=^.e", ["Perspective", "WebDev"]),
        ("onStartup[eq]=enabled&shouldUpgrade[eq]=false&limit=1", ["Perspective"]),
    ],
)
async def test_a_list_is_filtered_ordered_and_cut(
    query: str, expected: list[str], ask: Asker
) -> None:
    assert await names(ask, query) == expected


@pytest.mark.parametrize(
    "query", ["pageSize=10", "name=WebDev", "nope[eq]=x", "name[like]=x", "moduleId=x"]
)
async def test_an_unknown_key_is_a_filter_that_matches_nothing(query: str, ask: Asker) -> None:
    body = await ask.json(HEALTHY, query=query)
    assert body["items"] == []
    assert (body["metadata"]["total"], body["metadata"]["matching"]) == (3, 0)


async def test_counts_are_floats_unless_the_setting_says_otherwise(
    ask: Asker, gateway: SimulatedGateway
) -> None:
    text = (await ask(HEALTHY)).text
    assert '"metadata":{"total":3.0,"matching":3.0,"limit":-1.0,"offset":0.0}' in text
    gateway.configure(float_numbers=False)
    assert '"total":3,' in (await ask(HEALTHY)).text


@pytest.mark.parametrize("query", ["limit=many", "offset=x", "name[rgx]=("])
async def test_a_value_that_makes_no_sense_is_a_400(query: str, ask: Asker) -> None:
    assert (await ask(HEALTHY, query=query)).status_code == 400
