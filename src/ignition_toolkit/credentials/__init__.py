"""Secret values and what keeps them out of every text: imported by all, imports errors only."""

from ignition_toolkit.credentials.redaction import Redactor, RedactorStream
from ignition_toolkit.credentials.secret import (
    MIN_SECRET_LENGTH,
    REDACTED,
    Secret,
    holds_secret,
    secrets_in,
)

__all__ = [
    "MIN_SECRET_LENGTH",
    "REDACTED",
    "Redactor",
    "RedactorStream",
    "Secret",
    "holds_secret",
    "secrets_in",
]
