"""One package for each documented API. A family parses, asks, and shapes; it never imports another."""
