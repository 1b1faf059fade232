"""The client reads the bodies that were recorded, and those that the vendor's document has.

Each body is put together from gateway-api sections 1.2 and 2; the name of a case is its row there.
No simulator is asked: it cannot agree with the client by accident.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from ignition_toolkit.credentials.secret import Secret
from ignition_toolkit.errors import (
    GatewayDenied,
    GatewayError,
    GatewayNotReady,
    GatewayRefused,
    GatewayUnreachable,
    StepFailed,
)
from ignition_toolkit.gateway.gateway import Gateway
from ignition_toolkit.gateway.identity import Identity
from ignition_toolkit.gateway.modules import Modules, ModuleState
from ignition_toolkit.gateway.projects import Projects
from ignition_toolkit.gateway.session import TOKEN_HEADER, Session
from ignition_toolkit.gateway.target import GatewayTarget
from ignition_toolkit.gateway.upkeep import Upkeep
from tests.integration.gateway.conftest import FakeStep

#: The addresses that are known of real gateways, as the simulator's tests have them.
ROWS = Path(__file__).parents[2] / "unit" / "simulator" / "rows.txt"

API = "/data/api/v1"
JETTY_401 = (
    b'<html>\n<head>\n<meta http-equiv="Content-Type" content="text/html;charset=iso-8859-1"/>\n'
    b"<title>Error 401 Unauthorized</title>\n</head>\n<body><h2>HTTP ERROR 401 Unauthorized</h2>\n"
    b"<table>\n<tr><th>URI:</th><td>/data/api/v1/gateway-info</td></tr>\n"
    b"<tr><th>STATUS:</th><td>401</td></tr>\n<tr><th>MESSAGE:</th><td>Unauthorized</td></tr>\n"
    b"</table>\n</body>\n</html>\n"
)
GWINFO = (
    b"ContextStatus=RUNNING;PlatformName=Ignition;Version=8.3.6;PlatformEdition=;"
    b"RedundancyStatus=Independent;RedundantState=Good;RedundantNodeActiveStatus=Active;"
)
NO_ROUTE = {"message": "No route match for path: /v1/x", "url": "/data/api/v1/x", "status": "404"}


# Any: JSON values.
@dataclass(eq=False)
class Answered(httpx2.AsyncBaseTransport):
    """A gateway that answers every request with one body, and keeps what it was asked."""

    status: int
    body: Any
    headers: dict[str, str]

    def __post_init__(self) -> None:
        self.asked: list[httpx2.Request] = []
        session = Session(
            GatewayTarget(
                "plant", "http://gw:8088", identity=Identity(token=Secret("itk:the-key"))
            ),
            self,
        )
        self.gateway = Gateway(session, FakeStep())

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        await request.aread()
        self.asked.append(request)
        body = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        return httpx2.Response(self.status, headers=self.headers, stream=httpx2.ByteStream(body))


def listed(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return the envelope of a list, whose numbers may be floats."""
    count = float(len(items))
    counts = {"total": count, "matching": count, "limit": -1.0, "offset": 0.0}
    return {"items": list(items), "metadata": counts, **more}


Ask = Callable[[Gateway], Awaitable[Any]]

HEALTHY = {
    "id": "com.inductiveautomation.perspective", "onStartup": "enabled", "shouldUpgrade": False,
    "name": "Perspective", "version": "3.3.8 (b2026042713)", "description": "d", "vendorId": 1.0,
    "vendorName": "Inductive Automation", "selfSigned": False, "state": "ACTIVE",
    "licenseState": "Trial", "startupTime": "12 ms", "restrictions": [],
}  # fmt: skip
FAULTED = {
    **HEALTHY, "state": "INACTIVE", "faultCause": "no licence",
    "exception": {"message": "no licence", "stacktrace": ["at x"]}, "faultTime": "1",
}  # fmt: skip
UNLOADED = {"id": "com.x", "onStartup": "disabled", "shouldUpgrade": False, "name": "X",
            "version": "1", "vendorId": 2, "vendorName": "v", "selfSigned": True}  # fmt: skip
QUARANTINED = {"id": "com.y", "name": "Y", "version": "1.0", "certAccepted": False,
               "licenseAccepted": True, "reason": "Certificate has not been accepted."}  # fmt: skip

ACTIVE = ModuleState(
    HEALTHY["id"], "Perspective", "3.3.8 (b2026042713)", state="ACTIVE"  # type: ignore[arg-type]
)  # fmt: skip

#: The row of gateway-api, what the gateway answers, what is asked, and what comes of it.
GOOD: list[tuple[str, Any, Ask, Any]] = [
    ("2.1 readiness", {"state": "STARTING"}, lambda g: g.upkeep.ping(), {"state": "STARTING"}),
    (
        "2.1 readiness while it is commissioned",
        {"state": "RUNNING", "details": "COMMISSIONING"},
        lambda g: g.readiness.state(),
        "RUNNING (COMMISSIONING)",
    ),
    (
        "2.1 info, all versions",
        GWINFO,
        lambda g: g.exchange.version(),
        "8.3.6",
    ),
    (
        "2.1 info, all versions, uncommissioned",
        b"ContextStatus=NEEDS_COMMISSIONING;",
        lambda g: g.exchange.version(),
        "",
    ),
    ("2.1 overview", {"uptime": 3_600_000.0}, lambda g: g.upkeep.uptime_s(), 3600.0),
    ("2.1 overview without an uptime", {"cpu": 0.1}, lambda g: g.upkeep.uptime_s(), None),
    ("2.1 problems", listed({"title": "t"}), lambda g: g.upkeep.problems(), [{"title": "t"}]),
    ("2.2 certificate", {"subjectName": "CN=x"}, lambda g: g.modules.certificate("com.x"),
     {"subjectName": "CN=x"}),
    ("2.2 accept cert", {"success": True, "message": "m"},
     lambda g: g.modules.accept_certificate("com.x"), None),
    (
        "2.2 install, by the document",
        {"filename": "x.modl", "onStartup": "enabled", "certFingerprint": "f",
         "licenseAgreementHash": "h", "upgradeVersion": None, "upgradeFilename": None},
        lambda g: g.modules.install("com.x"),
        None,
    ),
    ("2.2 install, by a log", {"success": True, "message": "Module successfully installed."},
     lambda g: g.modules.install("com.x"), None),
    ("2.3 restart", b"true", lambda g: g.upkeep.restart(), None),
    ("2.3 scan status", {"scanActive": False, "lastScanTimestamp": 5.0, "lastScanDuration": 2.0},
     lambda g: g.projects.scan_status(), "Scan(active=False, timestamp=5.0, duration=2.0)"),
    ("2.3 trial", {"licenseMode": "Trial", "trialSecondsLeft": 7199, "expired": False},
     lambda g: g.upkeep.trial(),
     {"licenseMode": "Trial", "trialSecondsLeft": 7199, "expired": False}),
    ("2.4 list", listed({"name": "a", "enabled": True}), lambda g: g.projects.all(),
     [{"name": "a", "enabled": True}]),
    ("2.4 get", {"name": "a/b"}, lambda g: g.projects.get("a/b"), {"name": "a/b"}),
    ("2.6 logs", listed({"timestamp": 1.0, "level": "WARN"}), lambda g: g.upkeep.logs({}),
     [{"timestamp": 1.0, "level": "WARN"}]),
    ("2.6 designers", listed(), lambda g: g.upkeep.designers(), []),
]  # fmt: skip

#: The row, status and body of an error, what is asked, its class, and words of its message.
BAD: list[tuple[str, int, Any, Ask, type[GatewayError], str]] = [
    ("1.2 401 HTML", 401, JETTY_401, lambda g: g.upkeep.info(), GatewayDenied, "(Unauthorized)"),
    ("1.2 401 empty", 401, b"", lambda g: g.upkeep.restart(), GatewayDenied, "without a word"),
    ("1.2 403 JSON", 403, {"message": "Forbidden", "url": "/x", "status": "403"},
     lambda g: g.upkeep.info(), GatewayDenied, "(Forbidden)"),
    ("1.2 404 JSON", 404, NO_ROUTE, lambda g: g.upkeep.info(), GatewayRefused, "No route match"),
    ("1.2 404 empty", 404, b"", lambda g: g.upkeep.info(), GatewayRefused, "404 without a word"),
    ("1.2 422 messages", 422, {"messages": ["bad"], "fieldMessages": [
        {"fieldName": "name", "messages": ["is empty"]}]},
     lambda g: g.upkeep.reset_trial(), GatewayRefused, "bad; name: is empty"),
    ("1.2 422 nested", 422, {"problem": {"messages": ["bad"], "fieldMessages": []}},
     lambda g: g.upkeep.reset_trial(), GatewayRefused, "(bad)"),
    ("1.2 503", 503, b"<html><title>Starting</title></html>", lambda g: g.upkeep.info(),
     GatewayNotReady, "503 (Starting)"),
    ("2.2 upload, unreadable", 400, {"message": "Unable to read"},
     lambda g: g.modules.install("x"), GatewayRefused, "Unable to read"),
    ("2.4 write answer, problem as text", 200, {"success": False, "changes": [], "problem": "no"},
     lambda g: g.projects.begin_scan(), GatewayRefused, "it failed: no"),
    ("2.4 write answer, problem as object", 200,
     {"success": False, "changes": [], "problem": {"message": "no", "stacktrace": ["at x"]}},
     lambda g: g.projects.begin_scan(), GatewayRefused, "it failed: no"),
    ("2.3 restart, refused", 200, b"false", lambda g: g.upkeep.restart(), GatewayRefused, "false"),
    ("a list that is none", 200, {"rows": []}, lambda g: g.projects.all(), GatewayRefused,
     "expected a list"),
    ("a state that is none", 200, {"status": "up"}, lambda g: g.upkeep.ping(), GatewayRefused,
     "expected a `state`"),
    ("a page of somebody else", 200, b"<html>Welcome to the router</html>",
     lambda g: g.upkeep.ping(), GatewayRefused, "is this an Ignition gateway's address?"),
]  # fmt: skip


# Any: JSON values.
Call = Callable[[Gateway, Path], Awaitable[Any]]

#: What each method of the client asks, its query included, and an answer that it understands.
UPLOADED = {"moduleId": "com.x", "certAccepted": False, "licenseAccepted": True,
            "containsEula": False, "containsCert": True}  # fmt: skip
SCANNED = {"scanActive": True, "lastScanTimestamp": 5.0, "lastScanDuration": 2.0}
WRITTEN = {"success": True, "changes": [{"name": "a b"}]}
ASKED: dict[str, tuple[list[str], Any, Call]] = {
    "upkeep.ping": (["GET /StatusPing"], {"state": "RUNNING"}, lambda g, _: g.upkeep.ping()),
    "upkeep.gwinfo": (["GET /system/gwinfo"], GWINFO, lambda g, _: g.upkeep.gwinfo()),
    "upkeep.info": ([f"GET {API}/gateway-info"], {"name": "gw"}, lambda g, _: g.upkeep.info()),
    "upkeep.overview": ([f"GET {API}/overview"], {"cpu": 0.1}, lambda g, _: g.upkeep.overview()),
    "upkeep.uptime_s": ([f"GET {API}/overview"], {"uptime": 1}, lambda g, _: g.upkeep.uptime_s()),
    "upkeep.problems": ([f"GET {API}/overview/problems"], listed(),
                        lambda g, _: g.upkeep.problems()),
    "upkeep.restart": ([f"POST {API}/restart-tasks/restart?confirm=true"], b"true",
                       lambda g, _: g.upkeep.restart()),
    "upkeep.backup": ([f"GET {API}/backup"], b"PK", lambda g, f: g.upkeep.backup(f, told)),
    "upkeep.restore": ([f"POST {API}/backup?restoreDisabled=true"], b"initiated",
                       lambda g, f: g.upkeep.restore(f, told, disabled=True)),
    "upkeep.trial": ([f"GET {API}/trial"], {"expired": False}, lambda g, _: g.upkeep.trial()),
    "upkeep.reset_trial": ([f"POST {API}/trial"], {"trialSecondsLeft": 7199},
                           lambda g, _: g.upkeep.reset_trial()),
    "upkeep.logs": ([f"GET {API}/logs?minLevel=WARN"], listed(),
                    lambda g, _: g.upkeep.logs({"minLevel": "WARN"})),
    "upkeep.designers": ([f"GET {API}/designers"], listed(),
                         lambda g, _: g.upkeep.designers()),
    "modules.all": ([f"GET {API}/modules/healthy",
                     f"GET {API}/modules/quarantined"], listed(),
                    lambda g, _: g.modules.all()),
    "modules.quarantined": ([f"GET {API}/modules/quarantined"], listed(QUARANTINED),
                            lambda g, _: g.modules.quarantined()),
    "modules.find": ([f"GET {API}/modules/healthy",
                      f"GET {API}/modules/quarantined"], listed(),
                     lambda g, _: g.modules.find("x")),
    "modules.upload": ([f"POST {API}/modules/upload?fileName=sent"], UPLOADED,
                       lambda g, f: g.modules.upload(f, told)),
    "modules.certificate": ([f"GET {API}/modules/certificate?moduleId=com.x"], {},
                            lambda g, _: g.modules.certificate("com.x")),
    "modules.accept_certificate": ([f"POST {API}/modules/certificate?moduleId=com.x"], {},
                                   lambda g, _: g.modules.accept_certificate("com.x")),
    "modules.accept_license": ([f"POST {API}/modules/eula?moduleId=com.x"], {},
                               lambda g, _: g.modules.accept_license("com.x")),
    "modules.install": ([f"POST {API}/modules/install?moduleId=com.x"], {"success": True},
                        lambda g, _: g.modules.install("com.x")),
    "projects.all": ([f"GET {API}/projects/list"], listed(), lambda g, _: g.projects.all()),
    "projects.get": ([f"GET {API}/projects/find/a%20b"], {}, lambda g, _: g.projects.get("a b")),
    "projects.export": ([f"GET {API}/projects/export/a%20b"], b"PK",
                        lambda g, f: g.projects.export("a b", f, told)),
    "projects.import_": ([f"POST {API}/projects/import/a%20b?overwrite=true"], WRITTEN,
                         lambda g, f: g.projects.import_("a b", f, told, overwrite=True)),
    "projects.begin_scan": ([f"GET {API}/scan/projects", f"POST {API}/scan/projects"], SCANNED,
                            lambda g, _: g.projects.begin_scan()),
    "projects.scan_status": ([f"GET {API}/scan/projects"], SCANNED,
                             lambda g, _: g.projects.scan_status()),
}  # fmt: skip


def told(done: float, total: float | None = None, message: str = "") -> None:
    """Take what a transfer tells of its progress."""


@pytest.mark.parametrize("method", ASKED)
async def test_the_client_asks_what_is_documented(method: str, tmp_path: Path) -> None:
    rows, body, ask = ASKED[method]
    answered = Answered(200, body, {})
    (tmp_path / "sent").write_bytes(b"PK")
    await ask(answered.gateway, tmp_path / "sent")
    asked = [f"{r.method} {r.url.raw_path.decode('ascii')}" for r in answered.asked]
    assert asked == rows
    for row in asked:
        address = row.partition("?")[0]
        assert any(re.fullmatch(known, address) for known in documented()), address


def documented() -> list[str]:
    """Return what matches the addresses that are known of real gateways."""
    lines = [line.partition(" | ")[2] for line in ROWS.read_text("utf-8").splitlines()]
    return [re.sub(r"\\{\w+\\}", "[^/]+", re.escape(line)) for line in lines if line]


def test_every_method_of_the_client_is_among_them() -> None:
    parts = {"upkeep": Upkeep, "modules": Modules, "projects": Projects}
    methods = {
        f"{name}.{method}"
        for name, part in parts.items()
        for method, found in vars(part).items()
        if inspect.iscoroutinefunction(found) and not method.startswith("_")
    }
    assert methods == ASKED.keys()


@pytest.mark.parametrize(
    ("body", "ask", "found"), [row[1:] for row in GOOD], ids=[row[0] for row in GOOD]
)
async def test_what_a_gateway_says_is_understood(body: Any, ask: Ask, found: Any) -> None:
    answered = Answered(200, body, {})
    result = await ask(answered.gateway)
    assert (repr(result) if isinstance(found, str) and "(" in found[:5] else result) == found


@pytest.mark.parametrize(
    ("status", "body", "ask", "cls", "words"), [row[1:] for row in BAD], ids=[row[0] for row in BAD]
)
async def test_what_a_gateway_refuses_is_understood(
    status: int, body: Any, ask: Ask, cls: type[GatewayError], words: str
) -> None:
    answered = Answered(status, body, {})
    with pytest.raises(cls) as caught:
        await ask(answered.gateway)
    assert type(caught.value) is cls
    assert words in caught.value.message
    assert "the-key" not in repr(caught.value.to_wire())


async def test_modules_are_read_with_what_only_loaded_ones_tell() -> None:
    answered = Answered(200, listed(HEALTHY, FAULTED, UNLOADED), {})
    active, faulted, unloaded, *_ = await answered.gateway.modules.all()
    assert (active, active.is_active) == (ACTIVE, True)
    assert (faulted.is_active, faulted.in_words) == (False, "INACTIVE: no licence")
    assert (unloaded.enabled, unloaded.in_words) == (False, "not loaded")


async def test_a_quarantined_module_is_read_with_its_reason() -> None:
    (module,) = await Answered(200, listed(QUARANTINED), {}).gateway.modules.quarantined()
    assert module.in_words == "quarantined: Certificate has not been accepted."
    assert module.is_called(" y ")


async def test_an_upload_says_what_was_accepted(tmp_path: Path) -> None:
    body = {"moduleId": "com.x", "licenseAccepted": True, "certAccepted": False,
            "containsEula": False, "containsCert": False}  # fmt: skip
    answered = Answered(200, body, {})
    file = tmp_path / "x.modl"
    file.write_bytes(b"bytes")
    found = await answered.gateway.modules.upload(file, FakeStep().progress)
    assert (found.license_accepted, found.certificate_accepted) == (True, False)
    (request,) = answered.asked
    assert request.headers["content-type"] == "application/octet-stream"
    assert request.headers["content-length"] == "5"


@pytest.mark.parametrize("what", ["accept_certificate", "accept_license"])
async def test_what_was_accepted_before_is_accepted(what: str) -> None:
    message = {"message": "Module Certificate already accepted.", "url": "/x", "status": "409"}
    await getattr(Answered(409, message, {}).gateway.modules, what)("com.x")


async def test_a_module_without_a_certificate_has_none() -> None:
    assert await Answered(404, b"", {}).gateway.modules.certificate("com.x") == {}


async def test_names_are_one_part_of_a_path_and_the_key_is_a_header() -> None:
    answered = Answered(200, {"name": "a/b c"}, {})
    await answered.gateway.projects.get("a/b c")
    (request,) = answered.asked
    assert request.url.raw_path == b"/data/api/v1/projects/find/a%2Fb%20c"
    assert request.headers[TOKEN_HEADER] == "itk:the-key"
    assert request.headers["accept"] == "application/json"


async def test_a_restart_is_confirmed_and_has_no_body() -> None:
    answered = Answered(200, b"true", {})
    await answered.gateway.upkeep.restart()
    (request,) = answered.asked
    assert (request.method, request.url.raw_path) == (
        "POST",
        b"/data/api/v1/restart-tasks/restart?confirm=true",
    )
    assert request.content == b""


@pytest.mark.parametrize(
    ("location", "cls", "words"),
    [
        ("/welcome", GatewayNotReady, "never commissioned"),
        ("/idp/default/oidc/auth", GatewayDenied, "log-in page"),
        ("https://gw:8043/data", GatewayRefused, "give https://gw:8043 as its address"),
        ("http://user:word@other/x?key=1", GatewayRefused, "not followed"),
        ("", GatewayRefused, "not followed"),
    ],
)
async def test_a_redirect_is_told_by_where_it_leads(
    location: str, cls: type[GatewayError], words: str
) -> None:
    answered = Answered(302, b"", {"location": location})
    with pytest.raises(cls, match=words) as caught:
        await answered.gateway.upkeep.info()
    assert len(answered.asked) == 1
    assert "word@" not in caught.value.message.replace("a word", "")


async def test_a_library_error_that_is_none_of_these_is_still_ours() -> None:
    def broken(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.RemoteProtocolError("no HTTP at all", request=request)

    session = Session(GatewayTarget.at("gw:1"), httpx2.MockTransport(broken))
    with pytest.raises(GatewayUnreachable, match="no HTTP at all"):
        await Gateway(session, FakeStep()).upkeep.restart()


#: What a proxy that is set to tell everything answers: the key is cut where the words are.
ECHOED = f"{'x' * 490} itk:the-key and more"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"message": ECHOED}),
        (400, ECHOED.encode()),
        (200, {"success": False, "problem": ECHOED}),
        (200, b"a router's page of 60 bytes, at the end of which the itk:the-key stands"),
    ],
)
async def test_a_key_that_a_gateway_repeats_is_not_shown_in_part(status: int, body: Any) -> None:
    answered = Answered(status, body, {})
    with pytest.raises(GatewayRefused) as caught:
        await answered.gateway.projects.begin_scan()
    assert "itk:" not in caught.value.message
    assert "***" in caught.value.message


@pytest.mark.parametrize("key", ["itk:the\nkey", "itk:the-key ", "itk:schl\u00fcssel"])
async def test_a_key_that_is_no_header_is_named_as_such_and_not_shown(key: str) -> None:
    asked: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return httpx2.Response(200)

    target = GatewayTarget("plant", "http://gw:8088", identity=Identity(token=Secret(key)))
    session = Session(target, httpx2.MockTransport(answer))
    with pytest.raises(StepFailed, match="its API token cannot be sent") as caught:
        await Gateway(session, FakeStep()).upkeep.info()
    assert key.strip() not in caught.value.message
    assert not asked
