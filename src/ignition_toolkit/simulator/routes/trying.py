"""Pages that no gateway has: to try browser steps on, and where pages tell of a person's acts."""

from __future__ import annotations

import asyncio
import itertools
import math

from starlette.requests import ClientDisconnect
from starlette.responses import Response

from ignition_toolkit.simulator.answers import Refused, json_object
from ignition_toolkit.simulator.page_files import page, text_of
from ignition_toolkit.simulator.routing import Call, Need, Row

#: Seconds that a page may be told to wait.
LONGEST_S = 600.0

#: Bytes of what a page tells, or a form sends.
LARGEST = 64 * 1024

_numbers = itertools.count(1)


async def index(call: Call) -> Response:
    """Lead to the other ones."""
    del call
    return page("trying")


async def late(call: Call) -> Response:
    """Show a button and fields `seconds` after the page has loaded."""
    return page("late", seconds=str(_seconds(call, 2)))


async def slow(call: Call) -> Response:
    """Answer `seconds` of the gateway's time after the request."""
    seconds = _seconds(call, 3)
    clock = call.world.clock
    await clock.wait_until(clock.now + seconds)
    return page("slow", seconds=str(seconds))


async def never(call: Call) -> Response:
    """Never answer."""
    connection = call.world.connections.of(call.request.scope)
    if connection is None:
        await asyncio.get_running_loop().create_future()
    else:
        await connection.wait_until_lost()
    raise ClientDisconnect


async def loop(call: Call) -> Response:
    """Loop without end after a click, or with `at=load` at once."""
    return page("loop", at=call.query.get("at", "click"))


async def acting(call: Call) -> Response:
    """Act by itself: by a timer, by a worker, and by a file to fetch."""
    del call
    return page("acting")


async def form(call: Call) -> Response:
    """Show a form."""
    del call
    return page("form")


async def send_form(call: Call) -> Response:
    """Take a form; the journal has what was sent, a password's length alone."""
    values = {name: str(value) for name, value in (await _told(call)).items()}
    if "password" in values:
        values["password"] = f"{len(values['password'])} characters"
    call.world.journal.add("form", "order", "/simulator/form", values)
    return Response(f'{{"number": {next(_numbers)}}}', media_type="application/json")


async def download(call: Call) -> Response:
    """Give a small file."""
    del call
    headers = {"Content-Disposition": 'attachment; filename="receipt.txt"'}
    return Response("The order is taken.\n", media_type="text/plain", headers=headers)


async def journal(call: Call) -> Response:
    """Take note of what a page tells."""
    told = await _told(call)
    act, target, where = (told.get(name) for name in ("act", "target", "page"))
    if not (isinstance(act, str) and isinstance(target, str) and isinstance(where, str)):
        raise Refused(400, "expected act, target and page as texts")
    call.world.journal.add(act, target, where)
    return Response(status_code=204)


async def style(call: Call) -> Response:
    """Give what all pages look like."""
    del call
    return Response(text_of("page.css"), media_type="text/css")


async def script(call: Call) -> Response:
    """Give what all pages tell the journal by."""
    del call
    return Response(text_of("page.js"), media_type="text/javascript")


def _seconds(call: Call, default: float) -> float:
    try:
        seconds = float(call.query.get("seconds", default))
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= LONGEST_S:
        raise Refused(400, f"seconds: expected 0 to {LONGEST_S:g}")
    return seconds


async def _told(call: Call) -> dict[str, object]:
    size = call.request.headers.get("Content-Length", "")
    if not size.isdigit() or int(size) > LARGEST:
        raise Refused(413, f"expected at most {LARGEST} bytes")
    return dict(await json_object(call.request))


OURS = "ours"
_PUBLIC = Need.NOTHING

ROWS = (
    Row("GET", "/simulator", index, OURS, _PUBLIC),
    Row("GET", "/simulator/late", late, OURS, _PUBLIC),
    Row("GET", "/simulator/slow", slow, OURS, _PUBLIC),
    Row("GET", "/simulator/never", never, OURS, _PUBLIC),
    Row("GET", "/simulator/loop", loop, OURS, _PUBLIC),
    Row("GET", "/simulator/acting", acting, OURS, _PUBLIC),
    Row("GET", "/simulator/form", form, OURS, _PUBLIC),
    Row("POST", "/simulator/form", send_form, OURS, _PUBLIC),
    Row("GET", "/simulator/download", download, OURS, _PUBLIC),
    Row("POST", "/simulator/journal", journal, OURS, _PUBLIC),
    Row("GET", "/simulator/page.css", style, OURS, _PUBLIC),
    Row("GET", "/simulator/page.js", script, OURS, _PUBLIC),
)
