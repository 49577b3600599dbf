"""What processes share for a while: answers, limits, locks and messages; in the process or on Redis."""
