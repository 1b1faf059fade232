"""What was dropped of what steps logged and wrote, counted for `/metrics`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Losses:
    """Counters that only grow. Written on the supervision loop, read anywhere."""

    #: Lines that a runner could not pass on, as it logged faster than was read.
    log_lines: int = 0
    #: Bytes that a step wrote beyond what one may write.
    output_bytes: int = 0
