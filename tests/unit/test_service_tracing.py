"""Traces cost nothing where nobody wants them, and say what is missing where somebody does."""

import subprocess
import sys

import pytest

from millrace_core.errors import StartRefused
from millrace_eventlog.kafka.wire import Packer, record_of
from millrace_eventlog.records import LogRecord
from millrace_service.tracing import TracingSettings, open_tracer

_ON = TracingSettings.load(otlp_endpoint="http://127.0.0.1:1")
_TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
_LINE = b'{"event_id":"00000000-0000-0000-0000-000000000001"}'


async def test_without_an_endpoint_there_is_no_tracer() -> None:
    async with open_tracer(TracingSettings.load(), "any", "1") as tracer:
        assert tracer is None


def test_the_platform_imports_nothing_for_traces_that_nobody_wants() -> None:
    code = (
        "import millrace_standalone.wiring, sys; print([name for name in sys.modules if name.startswith('opentelemetry.sdk')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


async def test_a_start_without_the_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "millrace_service.otel", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(StartRefused, match=r"install millrace\[otel\]"):
        async with open_tracer(_ON, "any", "1"):
            pytest.fail("it started")


async def test_a_traceparent_that_is_none_begins_a_trace_of_its_own() -> None:
    async with open_tracer(TracingSettings.load(otlp_endpoint="http://127.0.0.1:1", otlp_ratio=1.0), "any", "1") as tracer:
        assert tracer is not None
        assert tracer.current() == ""
        with tracer.span("one", "server", parent="nonsense", links=["nonsense", _TRACE]):
            own = tracer.current()
            with tracer.span("two"):
                assert tracer.current().split("-")[1] == own.split("-")[1]
        assert own.split("-")[1] not in _TRACE


@pytest.mark.parametrize("trace", ["", _TRACE])
def test_a_record_keeps_its_trace_in_kafka(trace: str) -> None:
    record = LogRecord("shop", "00000000-0000-0000-0000-000000000001", 1, "native", "", _LINE, "v", trace)
    packer = Packer()
    packer.message(LogRecord("shop", "1", 1, "native", "", _LINE, "v"))  # whose headers are kept, and are others
    message = packer.message(record)
    assert record_of(message.key, message.value, message.headers).trace == trace
    assert len(message.headers) == (4 if trace else 3)
