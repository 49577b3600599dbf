"""The reference page of the catalogue of metrics."""

from millrace_warehouse.metrics.catalogue import DIMENSIONS, EVENT_TYPES, METRICS, SEGMENTS


def catalogue() -> str:
    """Metrics, dimensions, event types and segments."""
    lines = [
        "# Catalogue",
        "",
        "What [questions](../guides/questions.md) may name. `GET /api/v1/catalogue` answers the same.",
        "",
        "## Metrics",
        "",
    ]
    lines += ["| name | unit | formula | other words |", "|---|---|---|---|"]
    lines += [f"| `{one.name}` | {one.unit} | {one.formula} | {', '.join(one.synonyms)} |" for one in METRICS.values()]
    lines += ["", "## Dimensions", "", "Beside these every property, as `properties.<name>`.", ""]
    lines += ["| name | type | meaning | other words |", "|---|---|---|---|"]
    lines += [f"| `{one.name}` | {one.kind} | {one.description} | {', '.join(one.synonyms)} |" for one in DIMENSIONS.values()]
    lines += ["", "## Event types", "", "Those with a meaning that is known; any other is stored and counted too.", ""]
    lines += ["| name | meaning | properties | other words |", "|---|---|---|---|"]
    for one in EVENT_TYPES.values():
        properties = ", ".join(f"`{name}`" for name, _ in one.properties)
        lines.append(f"| `{one.name}` | {one.description} | {properties} | {', '.join(one.synonyms)} |")
    lines += ["", "## Segments", "", "| name | label | other words |", "|---|---|---|"]
    lines += [f"| `{one.name}` | {one.label} | {', '.join(one.synonyms)} |" for one in SEGMENTS.values()]
    return "\n".join(lines)
