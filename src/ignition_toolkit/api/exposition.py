"""A worker's figures in the text form that Prometheus reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from ignition_toolkit.execution.metrics import Latencies, Readings
from ignition_toolkit.playbook.models import CancelOutcome, ExecutionStatus

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4


def exposition(readings: Readings) -> bytes:
    """Return all figures, of this moment."""
    # A registry of its own for each answer: the library's common one would mix several workers.
    registry = CollectorRegistry()
    registry.register(_Families(readings))
    return generate_latest(registry)


class _Families:
    """The figures as the library takes them."""

    def __init__(self, readings: Readings) -> None:
        self._readings = readings

    def collect(self) -> Iterable[Metric]:
        """Yield every family of figures."""
        yield from _ends(self._readings)
        yield from _counters(self._readings)
        yield from _gauges(self._readings)


def _ends(readings: Readings) -> Iterator[Metric]:
    ends = readings.ends
    final = [status.value for status in ExecutionStatus if status.final]
    outcomes = [outcome.value for outcome in CancelOutcome]
    text = "Executions that are over and stored, by final status"
    yield _labelled("itk_executions", text, "status", final, ends.executions)
    text = "Cancels of executions, by outcome"
    yield _labelled("itk_cancels", text, "outcome", outcomes, ends.cancels)
    text = "From a cancel to the end of the running step"
    yield _histogram("itk_cancel_step_stopped_seconds", text, ends.step_stopped)
    text = "From a cancel to the end of all that the execution had started"
    yield _histogram("itk_cancel_tree_gone_seconds", text, ends.tree_gone)
    text = "Cancels after which something was left for longer than 0.5 s"
    yield CounterMetricFamily("itk_promises_missed", text, ends.promises_missed)


def _labelled(
    name: str, text: str, label: str, values: Iterable[str], counts: Mapping[str, int]
) -> Metric:
    family = CounterMetricFamily(name, text, labels=[label])
    # Also those that never happened: a rate needs a series to begin with.
    for value in values:
        family.add_metric([value], counts[value])
    return family


def _histogram(name: str, text: str, latencies: Latencies) -> Metric:
    return HistogramMetricFamily(name, text, latencies.buckets(), latencies.sum_s)


def _counters(readings: Readings) -> Iterator[Metric]:
    for name, text, value in (
        ("itk_runner_starts", "Runners that came up", readings.runner_starts),
        ("itk_runner_start_failures", "Runners that did not", readings.runner_start_failures),
        (
            "itk_dropped_log_lines",
            "Log lines that runners dropped: steps logged faster than was read",
            readings.dropped_log_lines,
        ),
        (
            "itk_dropped_output_bytes",
            "Bytes that steps wrote beyond what one may write",
            readings.dropped_output_bytes,
        ),
        (
            "itk_dropped_log_events",
            "Log events that were dropped while the database took none",
            readings.dropped_log_events,
        ),
        (
            "itk_supervision_loop_blocked",
            "How often the supervision loop was late",
            readings.supervision_blocks,
        ),
        (
            "itk_supervision_loop_blocked_seconds",
            "By how long the supervision loop was late, in all",
            readings.supervision_blocked_s,
        ),
        (
            "itk_handler_blocked",
            "How often a step's handler has blocked its runner's event loop",
            readings.handler_blocks,
        ),
        (
            "itk_handler_blocked_seconds",
            "For how long handlers have done so, in all",
            readings.handler_blocked_s,
        ),
    ):
        yield CounterMetricFamily(name, text, value)


def _gauges(readings: Readings) -> Iterator[Metric]:
    for name, text, value in (
        ("itk_executions_running", "Executions that have a slot", readings.running),
        ("itk_executions_pending", "Executions that wait to be started", readings.pending),
        ("itk_runners_warm", "Runners that are ready", readings.warm_runners),
        ("itk_unsaved_changes", "Changes that the database has not taken yet", readings.unsaved),
    ):
        yield GaugeMetricFamily(name, text, value)
