"""Sends with ``rudder-sdk-python``; run by its own interpreter with one argument, JSON."""

import json
import sys

from rudderstack.analytics import Client

given = json.loads(sys.argv[1])
errors: list[str] = []
client = Client(
    given["key"],
    host=given["url"],
    gzip=given["gzip"],
    on_error=lambda error, _: errors.append(str(error)),
    upload_interval=0.2,
)
client.identify("u1", {"plan": "pro"}, anonymous_id="a1")
client.page("u1", "Docs", "Pricing", {"url": "https://x.example/pricing"})
client.group("u1", "g1", {"seats": 5})
client.alias("a0", "u1")
for number in range(given["count"]):
    client.track("u1", "Order Completed", {"number": number, "revenue": 12.5}, anonymous_id="a1")
client.flush()
client.join()
sys.stdout.write(json.dumps({"errors": errors}))
