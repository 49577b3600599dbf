"""The processes and their machines."""

from grafana.panels import Board, Panel, Query, Row, Variable, lines

_BY = '{job="millrace", service=~"$service"}'

BOARD = Board(
    "health",
    "Millrace: System Health",
    "Processes, memory, disk, and the neighbours as we see them.",
    (
        Row(
            "Processes",
            (
                lines("Answers", "bool_on_off", (f"up{_BY}", "{{service}} {{instance}}")),
                Panel(
                    "Version",
                    "short",
                    (Query(f"count by (service, version) (millrace_build_info{_BY})"),),
                    kind="table",
                    about="How many processes run it.",
                ),
                lines("Up for", "s", (f"time() - process_start_time_seconds{_BY}", "{{service}} {{instance}}")),
                lines(
                    "Processor",
                    "short",
                    (f"rate(process_cpu_seconds_total{_BY}[$__rate_interval])", "{{service}} {{instance}}"),
                    about="Cores. The loop of a process has one at most.",
                ),
                lines(
                    "Memory",
                    "bytes",
                    (f"process_resident_memory_bytes{_BY}", "{{service}} {{instance}}"),
                    (f"millrace_memory_limit_bytes{_BY}", "limit of {{service}} {{instance}}"),
                ),
                lines(
                    "Open files and connections",
                    "short",
                    (f"process_open_fds{_BY}", "{{service}} {{instance}}"),
                ),
                lines(
                    "Full garbage collections",
                    "short",
                    (
                        'increase(python_gc_collections_total{generation="2", service=~"$service"}[$__rate_interval])',
                        "{{service}}",
                    ),
                ),
            ),
        ),
        Row(
            "Disk",
            (
                lines(
                    "Free",
                    "bytes",
                    (f"millrace_disk_free_bytes{_BY}", "{{service}} {{instance}}"),
                    (f"millrace_disk_size_bytes{_BY}", "size of {{service}} {{instance}}"),
                    about="Of the data folder.",
                ),
                lines(
                    "Room of the log that is taken",
                    "percentunit",
                    (
                        "millrace_log_waiting_bytes / (millrace_log_limit_bytes > 0)",
                        "{{service}} {{instance}}",
                    ),
                    about="Of what may wait on this machine's disk; at 1 events are refused.",
                ),
            ),
        ),
        Row(
            "Neighbours",
            (
                lines(
                    "Redis does not answer",
                    "bool_yes_no",
                    (f"millrace_cache_degraded{_BY}", "{{service}} {{instance}}"),
                    needs="Redis",
                ),
                lines(
                    "Answered from memory instead",
                    "ops",
                    ("sum by (operation) (rate(millrace_cache_fallbacks_total[$__rate_interval]))", "{{operation}}"),
                    needs="Redis",
                ),
                lines(
                    "Kafka producers replaced",
                    "short",
                    ("sum(increase(millrace_producer_recreated_total[$__rate_interval]))", "producers"),
                    needs="Kafka",
                ),
            ),
        ),
    ),
    (Variable("service", "Service", 'up{job="millrace"}'),),
)
