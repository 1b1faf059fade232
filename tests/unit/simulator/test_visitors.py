"""Section 2.6: designers, Perspective sessions, Vision clients."""

from ignition_toolkit.simulator import SimulatedGateway
from tests.unit.simulator.conftest import JSON, Asker

DESIGNERS = "GET /data/api/v1/designers"
DESIGNER = "GET /data/api/v1/designer/{id}"
PRUNE = "DELETE /data/api/v1/designer/{id}"
SESSIONS = "GET /data/perspective/api/v1/sessions/"
TERMINATE = "DELETE /data/perspective/api/v1/sessions"
SESSION = "GET /data/perspective/api/v1/session/{id}"
PAGES = "GET /data/perspective/api/v1/session/{id}/pages"
VIEWS = "GET /data/perspective/api/v1/session/{id}/page/{pageId}/views"
CLIENTS = "GET /data/vision/api/v1/clients"
CLIENT = "GET /data/vision/api/v1/client/{id}"
END_CLIENT = "DELETE /data/vision/api/v1/client/{id}"


async def test_a_designer_is_listed_until_it_closes(ask: Asker, gateway: SimulatedGateway) -> None:
    assert (await ask.json(DESIGNERS))["items"] == []
    designer = gateway.open_visitor("designer", "ann", "demo", "10.0.0.9")
    gateway.pass_time(10)
    (item,) = (await ask.json(DESIGNERS, query="project[eq]=demo"))["items"]
    assert item == await ask.json(DESIGNER, id=designer)
    assert (item["user"], item["address"], item["uptime"]) == ("ann", "10.0.0.9", 10_000)
    assert gateway.close_visitor(designer)
    assert not gateway.close_visitor(designer)
    assert (await ask(DESIGNER, id=designer)).status_code == 404


async def test_a_live_designer_is_not_pruned_and_a_dead_one_is(
    ask: Asker, gateway: SimulatedGateway
) -> None:
    designer = gateway.open_visitor("designer", "ann", "demo")
    live = await ask(PRUNE, id=designer, headers=JSON)
    assert (live.status_code, live.content) == (409, b"")
    gateway.lose_visitor(designer)
    gateway.pass_time(59)
    assert (await ask(PRUNE, id=designer)).status_code == 409
    gateway.pass_time(2)
    assert "message" in await ask.json(PRUNE, id=designer)
    assert (await ask(PRUNE, id=designer)).status_code == 404


async def test_a_perspective_session_has_pages_and_views(
    ask: Asker, gateway: SimulatedGateway
) -> None:
    session = gateway.open_visitor("perspective", "", "demo")
    (item,) = (await ask.json(SESSIONS))["items"]
    assert item == await ask.json(SESSION, id=session)
    assert item["authorized"] is False
    (page,) = (await ask.json(PAGES, id=session))["items"]
    assert [page["id"]] == item["pageIds"]
    (view,) = (await ask.json(VIEWS, id=session, pageId=page["id"]))["items"]
    assert view["resourcePath"] == "main"
    assert (await ask(VIEWS, id=session, pageId="other")).status_code == 404
    assert (await ask(SESSIONS.rstrip("/"))).status_code == 404


async def test_sessions_are_terminated_together(ask: Asker, gateway: SimulatedGateway) -> None:
    first, second = (gateway.open_visitor("perspective", "ann", "demo") for _ in range(2))
    query = f"sessionId={first}&sessionId={second}&sessionId=gone&message=bye"
    assert (await ask(TERMINATE)).status_code == 400
    assert await ask.json(TERMINATE, query=query) == {"terminated": 2}
    assert (await ask(TERMINATE, query=query)).status_code == 404


async def test_a_vision_client_has_a_tag_count_and_is_ended(
    ask: Asker, gateway: SimulatedGateway
) -> None:
    client = gateway.open_visitor("vision", "ann", "demo")
    (item,) = (await ask.json(CLIENTS))["items"]
    assert item == await ask.json(CLIENT, id=client)
    assert "tagCount" in item
    assert (await ask(DESIGNER, id=client)).status_code == 404
    assert (await ask(END_CLIENT, id=client)).status_code == 200
    assert (await ask(END_CLIENT, id=client)).status_code == 404


async def test_a_restart_ends_all_connections(ask: Asker, gateway: SimulatedGateway) -> None:
    gateway.open_visitor("designer", "ann", "demo")
    gateway.restart()
    gateway.pass_time(50)
    assert (await ask.json(DESIGNERS))["items"] == []
