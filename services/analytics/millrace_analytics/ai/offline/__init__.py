"""The reader of questions that needs no network: the metric layer's catalogue, and the tenant's own words."""
