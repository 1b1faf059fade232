"""Every error of the toolkit, one tree.

ToolkitError
├── AuthorError                 the playbook or a step's code is wrong
│   ├── PlaybookInvalid         a playbook does not load; lists every problem with its place
│   ├── ReferenceUnresolved     a {{ reference }} has no value
│   ├── StepFailed              a step says so itself
│   │   └── StepTimedOut        one attempt took longer than its timeout
│   └── HandlerBroken           a step's code raised what it should not, or could not be loaded
├── OperatorError               what was asked for cannot be
│   ├── NotFound                no such playbook, execution or kind
│   ├── ParametersInvalid       values for a playbook's parameters, each named
│   │   └── NamesUnknown        a playbook names a credential or a gateway that is not stored
│   ├── NameTaken               a credential or a gateway of that name is stored already
│   ├── VaultError              the stored credentials cannot be opened or written
│   ├── WrongState              makes no sense in the status that the execution has
│   ├── RerunRefused            an execution cannot be run again as was asked
│   ├── KeyReused               an idempotency key stands for another request already
│   ├── AccessDenied            a server wants its access token, or another one
│   ├── DataFolderBusy          another process owns the data folder
│   ├── AddressInUse            another program listens there
│   ├── BrowserMissing          this machine has no browser, or not the Playwright that we need
│   └── PlatformUnsupported     this system is not supported
├── OutsideError                an outside system refused, or cannot be reached
│   ├── BrowserError            a page in a browser did not do as asked, or the browser is gone
│   ├── ServerUnreachable       the toolkit's own server does not answer
│   ├── DesktopError            the desktop did not do as asked
│   │   ├── DesktopUnavailable  there is none that can be driven, or it has gone
│   │   ├── WindowLost          a window is gone, or another one has the keyboard
│   │   └── KeyUnknown          the keyboard's layout has no such key
│   └── GatewayError            a gateway; says which, which request, the status, what to do
│       ├── GatewayUnreachable  it cannot be reached, or stopped to answer
│       ├── GatewayUntrusted    its TLS certificate is not one that we trust
│       ├── GatewayNotReady     it starts, restarts, or waits to be commissioned
│       ├── GatewayDenied       it does not let us in
│       ├── GatewayRefused      it says no
│       └── GatewayUnsupported  its version has no such thing
└── InternalError               our mistake, or the machine's
    ├── IllegalMove             a status may not follow another
    ├── ProtocolError           a runner or a janitor said something that it may not say
    ├── RunnerLost              a runner process ended by itself
    └── StoreError              the database could not be opened, read or written
        └── DuplicateKey        an execution was started with that idempotency key already
"""

from __future__ import annotations

from typing import Any, ClassVar, Self


class ToolkitError(Exception):
    """Root of the tree: a message for a person, and data as fields.

    The message says what was expected, what was found, where, and what to do. Fields are JSON
    values; they and the class survive the pipe between a runner and its supervisor.
    """

    classes: ClassVar[dict[str, type[ToolkitError]]] = {}

    def __init_subclass__(cls) -> None:
        ToolkitError.classes[cls.__name__] = cls

    # Any: the fields are JSON values of the class's own choosing.
    def __init__(self, message: str, **fields: Any) -> None:
        super().__init__(message)
        self.message = message
        self.fields = fields

    def to_wire(self) -> dict[str, Any]:
        """Return the error as a JSON object `{class, message, fields}`."""
        return {"class": type(self).__name__, "message": self.message, "fields": self.fields}

    @staticmethod
    def from_wire(wire: dict[str, Any]) -> ToolkitError:
        """Make the error that `to_wire` described; an unknown class becomes `InternalError`."""
        cls = ToolkitError.classes.get(str(wire.get("class")), InternalError)
        return cls(str(wire.get("message")), **wire.get("fields", {}))

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self.to_wire(),)

    def with_field(self, name: str, value: Any) -> Self:
        """Add one field and return the error itself."""
        self.fields[name] = value
        return self


def _rebuild(wire: dict[str, Any]) -> ToolkitError:
    return ToolkitError.from_wire(wire)


class AuthorError(ToolkitError):
    """The playbook or a step's code is wrong: its author can mend it."""


class PlaybookInvalid(AuthorError):
    """A playbook does not load. Field `problems`: the lines `path:line:column: message`."""

    @property
    def problems(self) -> list[str]:
        """One unwrapped line per problem."""
        return list(self.fields.get("problems", []))


class ReferenceUnresolved(AuthorError):
    """A {{ reference }} has no value at the moment its step starts."""


class StepFailed(AuthorError):
    """A step says that it failed."""


class StepTimedOut(StepFailed):
    """One attempt of a step took longer than its timeout."""


class HandlerBroken(AuthorError):
    """A step's code raised what it should not, or could not be loaded."""


class OperatorError(ToolkitError):
    """What was asked for cannot be: who asks can mend it."""


class NotFound(OperatorError):
    """No such playbook, execution or step kind."""


class ParametersInvalid(OperatorError):
    """Values for a playbook's parameters are wrong. Field `parameters`: name -> message."""

    @property
    def parameters(self) -> dict[str, str]:
        """What is wrong, by the parameter's name."""
        return dict(self.fields.get("parameters", {}))


class NamesUnknown(ParametersInvalid):
    """A playbook names what is not stored. Fields `credentials`, `gateways`: the names."""


class NameTaken(OperatorError):
    """A credential or a gateway of that name is stored already. Field `name`."""


class VaultError(OperatorError):
    """The stored credentials cannot be opened or written: the key, the file or its mode."""


class WrongState(OperatorError):
    """The request makes no sense in the status that the execution has. Field `status`."""


class RerunRefused(OperatorError):
    """An execution cannot be run again as was asked. Field `missing`: value -> why it lacks."""


class KeyReused(OperatorError):
    """An idempotency key stands for another request already. Field `execution_id`: its own."""


class AccessDenied(OperatorError):
    """A server was given no access token, or a wrong one."""


class DataFolderBusy(OperatorError):
    """Another process owns the data folder. Fields `pid`, `kind`, `url`."""


class AddressInUse(OperatorError):
    """Another program listens at the address. Fields `host`, `port`."""


class BrowserMissing(OperatorError):
    """This machine has no browser for browser steps, or not the Playwright that they need."""


class PlatformUnsupported(OperatorError):
    """This system is not supported by this release."""


class OutsideError(ToolkitError):
    """An outside system refused, or cannot be reached."""


class ServerUnreachable(OutsideError):
    """The toolkit's own server does not answer. Field `url`."""


class BrowserError(OutsideError):
    """A page in a browser did not do as asked, or the browser is gone."""


class DesktopError(OutsideError):
    """The desktop, or a program on it, did not do as asked."""


class DesktopUnavailable(DesktopError):
    """There is no desktop that can be driven, or it has gone."""


class WindowLost(DesktopError):
    """A window is gone, does not come, or another one has the keyboard."""


class KeyUnknown(DesktopError):
    """The keyboard's layout has no key for a character. Nothing was typed."""


class GatewayError(OutsideError):
    """A gateway did not do as asked. Fields `gateway`, `request`, `status` (null without one)."""

    @property
    def status(self) -> int | None:
        """Status of the answer, None when there was none."""
        status = self.fields.get("status")
        return status if isinstance(status, int) else None


class GatewayUnreachable(GatewayError):
    """No connection, or no answer. Field `sent`: the request may have been carried out."""


class GatewayUntrusted(GatewayError):
    """The gateway's TLS certificate is not one that its entry says to trust."""


class GatewayNotReady(GatewayError):
    """The gateway starts, restarts, or waits to be commissioned."""


class GatewayDenied(GatewayError):
    """The gateway knows the caller not, or does not let it do that."""


class GatewayRefused(GatewayError):
    """The gateway says no: by its status, or in a body with status 200."""


class GatewayUnsupported(GatewayError):
    """The gateway's version has no such thing. Field `version`."""


class InternalError(ToolkitError):
    """Our mistake, or the machine's."""


class IllegalMove(InternalError):
    """A status may not follow another."""


class ProtocolError(InternalError):
    """A runner or a janitor said something that it may not say."""


class RunnerLost(InternalError):
    """A runner process ended by itself. Fields `exit_code` or `signal`."""


class StoreError(InternalError):
    """The database could not be opened, read or written."""


class DuplicateKey(StoreError):
    """An execution was started with that idempotency key already. Field `execution_id`: which."""
