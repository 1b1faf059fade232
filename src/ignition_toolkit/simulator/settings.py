"""What can be chosen about the simulated gateway, above all what nobody has measured."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """All choices. Each can also be changed while the simulator runs.

    Durations are seconds of the simulated clock. docs/reference/simulator.md says of each where
    the default comes from; a test holds the two together.
    """

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    gateway_name: str = "simulated-gateway"
    #: 8.1.x gives a gateway without REST interface.
    version: str = Field(default="8.3.6 (b2026042713)", pattern=r"^\d+\.\d+\.\d+( \(b\d+\))?$")
    edition: Literal["standard", "edge"] = "standard"
    role: Literal["Independent", "Master", "Backup"] = "Independent"
    #: False: never commissioned, everything leads to /welcome.
    commissioned: bool = True

    read_policy: Literal["token", "open"] = "token"
    write_policy: Literal["token", "open", "closed"] = "token"
    #: A real gateway's keys need TLS by default.
    secure_channel_required: bool = False
    insecure_status: Literal[401, 403] = 403
    #: Of the browser's log-in.
    user_name: str = "admin"
    user_password: str = "password"  # noqa: S105 - of a simulator
    #: A Perspective session is for those alone who are logged in.
    perspective_needs_login: bool = False
    #: `accept` answers JSON to those who accept it, else HTML.
    error_bodies: Literal["accept", "html", "json", "empty"] = "accept"
    #: Counts of lists as 2.0 instead of 2.
    float_numbers: bool = True
    openapi_needs_token: bool = True
    #: Of the certificate that is made at the start.
    certificate_names: list[str] = Field(default=["localhost"], min_length=1)
    #: Plain HTTP is answered with a redirect to the TLS port.
    force_tls: bool = False

    #: None: the gateway never comes back.
    restart_s: float | None = Field(default=40.0, ge=0)
    #: From the request until the gateway stops to answer as usual.
    restart_delay_s: float = Field(default=1.0, ge=0)
    #: For so long StatusPing says STOPPING before anything else.
    stopping_s: float = Field(default=0.0, ge=0)
    restart_mode: Literal["answers", "refuses"] = "answers"
    #: From RUNNING until the modules are loaded.
    module_settle_s: float = Field(default=5.0, ge=0)
    commissioning_after_restart: bool = True
    ping_hides_commissioning: bool = False

    allow_unsigned_modules: bool = False
    first_install_needs_restart: bool = True
    quarantine_clears: Literal["at once", "restart"] = "at once"
    install_answer: Literal["spec", "measured"] = "measured"
    uninstall_answer: Literal["spec", "measured"] = "measured"
    #: Ids of modules whose file cannot be removed.
    read_only_modules: list[str] = []

    licensed: bool = False
    trial_s: float = Field(default=7199.0, ge=0)

    backup_bytes: int = Field(default=1_000_000, ge=0, le=10**12)
    #: `any` takes every zip file for a backup, `own` only what this simulator made.
    restore_takes: Literal["own", "any"] = "own"
    max_import_bytes: int = Field(default=256 * 2**20, ge=0)
    scan_s: float = Field(default=2.0, ge=0)
    scan_lock_refusal: Literal[408, 409] = 409

    unconfirmed_delete: Literal["failure", "success", "empty"] = "failure"
    problem_form: Literal["object", "text"] = "object"
    stale_signature_status: Literal[409, 422, 500] = 409
    #: The messages of a 422 stand below `problem`.
    nested_messages: bool = False

    #: False: export and import of tags do not exist, as in 8.3.0.
    tag_transfer: bool = True
    tag_import_answer: Literal["counts", "list"] = "counts"

    #: Bodies for addresses whose answer nobody has captured, by path.
    # Any: JSON values.
    uncaptured: dict[str, Any] = {}

    @property
    def number(self) -> str:
        """The version without its build."""
        return self.version.split(" ")[0]

    @property
    def has_rest(self) -> bool:
        """Whether this version has the REST interface, which came with 8.3."""
        major, minor, _ = self.number.split(".")
        return (int(major), int(minor)) >= (8, 3)
