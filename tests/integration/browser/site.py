"""A small site whose log is the truth: what a page did is what reached this server, and when."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit
from urllib.request import urlopen

from tests.polling import poll_until

#: Seconds for a page to do something; generous, as the machine may be busy.
SOON_S = 30.0

#: `say` sends a word to the server's log, also when its page is left meanwhile; `act` is for what a
#: page must not do after a stop: a request that ends with its page.
SAY = """function say(word) { navigator.sendBeacon('/said/' + encodeURIComponent(word)); }
    function act(word) { fetch('/said/' + encodeURIComponent(word), {method: 'POST'}); }"""

#: What reaches the log from each page: words said by its scripts.
PAGES = {
    "/": f"""<title>Home</title><h1 id=head>Hello</h1><script>{SAY} say('home')</script>
        <button id=start onclick="act('clicked')">Start</button>
        <button id=off disabled>Off</button><p id=gone hidden>Not seen</p>
        <input id=name value=Ann title="Your name"><input id=tick type=checkbox>
        <select id=line><option>one</option><option value=2>two</option></select>
        <p id=soon>Wait</p>
        <script>setTimeout(() => {{ soon.textContent = 'Ready' }}, 300)</script>
        <input id=file type=file onchange="say('file ' + this.files[0].name)">
        <a id=report href="/report.csv" download>Report</a>
        <a id=half href="/half.csv" download>Half</a>""",
    "/errors": "<title>Faulty</title><script>console.error('a fault'); x.y</script>",
    # Repaints ten times a second.
    "/busy": """<title>Busy</title><h1 id=count>0</h1><script>let n = 0;
        setInterval(() => { count.textContent = ++n }, 100)</script>""",
    "/login": """<title>Log in</title><form action=/busy><input id=password name=p>
        <button id=go>Go</button></form>""",
    "/slow": f"<script>{SAY} say('slow script ran')</script>",
}


@dataclass(frozen=True)
class Seen:
    """A request, and the monotonic second at which it arrived."""

    t: float
    path: str


class Site:
    """The server, and everything that it was asked."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.seen: list[Seen] = []
        #: Set, `/slow` is answered.
        self.answer = threading.Event()

    def said(self, since: float = 0.0) -> list[str]:
        """Return the words that pages said since then."""
        prefix = "/said/"
        return [unquote(s.path.removeprefix(prefix)) for s in self.after(since, prefix)]

    def after(self, since: float, prefix: str = "/") -> list[Seen]:
        """Return the requests since then."""
        return [one for one in list(self.seen) if one.t > since and one.path.startswith(prefix)]

    def now(self) -> float:
        """Return the time after all that has reached the server's socket was let in.

        What a page sent before a stop may still stand in the queue of a busy server.
        """
        mark = f"/mark/{time.monotonic()}"
        with suppress(HTTPError), urlopen(self.url + mark, timeout=SOON_S):
            pass
        return next(one.t for one in self.after(0.0, mark))

    def await_said(self, word: str, since: float = 0.0) -> None:
        """Return once a page has said this."""
        poll_until(lambda: word in self.said(since), SOON_S)

    def await_asked(self, path: str, since: float = 0.0) -> None:
        """Return once this address was asked for."""
        poll_until(lambda: bool(self.after(since, path)), SOON_S)


#: What is sent at once of a file, and what comes with the answer to all that is slow.
FILES = {"/report.csv": (b"a,b\n1,2\n", b""), "/half.csv": (b"a,b\n", b"1,2\n")}


@contextmanager
def running_site() -> Iterator[Site]:
    """Run a site until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            site.seen.append(Seen(time.monotonic(), self.path))
            if path == "/slow":
                site.answer.wait(SOON_S)
            if path in FILES:
                begun, more = FILES[path]
                self.reply(begun, "text/csv", more)
            elif path in PAGES:
                self.reply(PAGES[path].encode(), "text/html; charset=utf-8")
            else:
                self.send_error(404)

        def do_POST(self) -> None:
            site.seen.append(Seen(time.monotonic(), self.path))
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.reply(b"", "text/plain")

        def reply(self, body: bytes, kind: str, more: bytes = b"") -> None:
            try:
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body + more)))
                self.end_headers()
                self.wfile.write(body)
                if more:
                    site.answer.wait(SOON_S)
                    self.wfile.write(more)
            except OSError:
                # Who asked is gone, as a browser that was killed.
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site = Site(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield site
    finally:
        site.answer.set()
        server.shutdown()
        thread.join()
        server.server_close()
