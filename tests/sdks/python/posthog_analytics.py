"""Sends with ``posthog``; run by its own interpreter with one argument, JSON."""

import json
import sys

from posthog import Posthog

given = json.loads(sys.argv[1])
errors: list[str] = []
client = Posthog(
    given["key"],
    host=given["url"],
    gzip=given["gzip"],
    capture_mode=given["mode"],
    on_error=lambda error, _: errors.append(str(error)),
    flush_interval=0.2,
    max_retries=10,
)
client.set(distinct_id="u1", properties={"plan": "pro"})
client.capture("$pageview", distinct_id="u1", properties={"$current_url": "https://x.example/pricing"})
client.group_identify("company", "g1", {"seats": 5}, distinct_id="u1")
client.alias("a0", "u1")
for number in range(given["count"]):
    client.capture("Order Completed", distinct_id="u1", properties={"number": number, "revenue": 12.5})
client.flush()
client.shutdown()
sys.stdout.write(json.dumps({"errors": errors}))
