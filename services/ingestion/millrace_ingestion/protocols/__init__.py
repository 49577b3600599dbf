"""One file a wire format: from a body to events, with a verdict for each event."""
