"""The log-in that a browser makes, for those who have a name and a password and no API token.

Source: gateway-api section 1.3, proven on 8.3.3. HTTP Basic is always refused by 8.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from ignition_toolkit.credentials.secret import Secret
from ignition_toolkit.errors import GatewayDenied, GatewayError, GatewayRefused
from ignition_toolkit.gateway.call import Answer, Body, Call
from ignition_toolkit.gateway.refusals import Asked, refusal

if TYPE_CHECKING:
    from ignition_toolkit.gateway.exchange import Exchange

_KEY_INSTEAD = "use an API token instead (gateway.login with api_token, or the gateway's entry)"


async def ensure_login(exchange: Exchange) -> None:
    """Log in, if there is somebody who should and has not yet. Raises GatewayError."""
    if (awaited := exchange.session.awaited) is not None:
        await log_in(exchange, *awaited)


async def log_in(exchange: Exchange, username: str, password: Secret) -> None:
    """Open a browser's session; later requests of this session belong to it.

    Raises GatewayError; GatewayDenied when name and password are not taken. Cancellation: at
    once; at worst a session stays open at the gateway until it expires there.
    """
    login = _Login(exchange)
    provider, token = await login.begin()
    token = await login.pass_challenge(provider, token, username, password)
    await login.open_session(provider, token)
    exchange.session.use_csrf(await login.csrf())


class _Login:
    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def begin(self) -> tuple[str, str]:
        """Return the path of the identity provider and its first token."""
        to_provider = await self._redirect("/data/app/login")
        provider = to_provider.path.partition("/oidc/")[0]
        if not provider.startswith("/idp/"):
            raise self._broken("/data/app/login", f"it leads to {to_provider.path}")
        to_page = await self._redirect(to_provider.path, to_provider.query)
        tokens = parse_qs(to_page.query).get("token", [])
        if not tokens:
            raise self._broken(to_provider.path, "no token for the log-in was given")
        return provider, tokens[0]

    async def pass_challenge(
        self, provider: str, token: str, username: str, password: Secret
    ) -> str:
        """Answer the question for name and password; return the token that says so."""
        challenge = {"username": username, "password": password.reveal()}
        first = await self._post(f"{provider}/authn/next-challenge", {"token": token})
        body = {"token": first["token"], "rememberMe": False, "challenge": challenge}
        path = f"{provider}/authn/submit-challenge/basic"
        answered = await self._post(path, body)
        if answered.get("success") is not True:
            why = f"name and password of {username!r} are not taken"
            raise self._asked("POST", path).error(GatewayDenied, why, 200)
        last = await self._post(f"{provider}/authn/next-challenge", {"token": answered["token"]})
        if last.get("complete") is not True:
            why = f"it wants more than name and password; {_KEY_INSTEAD}"
            raise self._asked("POST", path).error(GatewayDenied, why, 200)
        return str(last["token"])

    async def open_session(self, provider: str, token: str) -> None:
        """Take the answer back to the gateway, whose cookie is the session."""
        back = await self._redirect(f"{provider}/oidc/auth", f"token={token}")
        await self._redirect(back.path, back.query)

    async def csrf(self) -> Secret:
        """Return what the writes of the session must carry."""
        call = Call("GET", "/data/app/session", public=True)
        session = await self._exchange.json(call)
        token = session.get("csrfToken") if isinstance(session, dict) else None
        if not isinstance(token, str) or not token:
            raise self._broken(call.path, "no csrfToken was given")
        return Secret(token)

    async def _redirect(self, path: str, query: str = "") -> Any:
        """Return where a page leads, which must be the gateway itself."""
        given = {name: values[0] for name, values in parse_qs(query).items()}
        call = Call("GET", path, given, public=True, private=True)
        answer = await self._exchange.any_answer(call)
        if not 300 <= answer.status < 400:
            error = self._refused(call, answer)
            await self._exchange.raise_if_old(error, call)
            raise error
        to, here = urlsplit(answer.location), urlsplit(self._exchange.target.url)
        if to.netloc and to.netloc != here.netloc:
            why = f"people log in at {to.hostname}, not at the gateway; {_KEY_INSTEAD}"
            raise self._asked("GET", path).error(GatewayDenied, why, answer.status)
        return to

    # Any: JSON values.
    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        # Each token is good for one request: another try would be refused.
        call = Call("POST", path, body=Body.of_json(body), patient=False, public=True)
        value = await self._exchange.json_whatever(call)
        if not isinstance(value, dict) or not isinstance(value.get("token"), str):
            raise self._broken(path, "no token was given back")
        return value

    def _refused(self, call: Call, answer: Answer) -> GatewayError:
        if answer.status == 200:
            return self._broken(call.path, "expected a redirect, found a page")
        words = self._exchange.words(answer.body)
        return refusal(self._asked(call.method, call.path), answer.status, words)

    def _broken(self, path: str, why: str) -> GatewayError:
        text = f"the log-in is not as expected: {why}; {_KEY_INSTEAD}"
        return self._asked("GET", path).error(GatewayRefused, text)

    def _asked(self, method: str, path: str) -> Asked:
        return Asked(self._exchange.target, method, path)
