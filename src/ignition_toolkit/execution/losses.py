"""What steps cost beside their work, counted for `/metrics`: what was dropped, and who held up."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Losses:
    """Counters that only grow. Written on the supervision loop, read anywhere."""

    #: Lines that a runner could not pass on, as it logged faster than was read.
    log_lines: int = 0
    #: Bytes that a step wrote beyond what one may write.
    output_bytes: int = 0
    #: How often a step has blocked its runner's event loop, and by how many seconds in all.
    blocks: int = 0
    blocked_s: float = 0.0
