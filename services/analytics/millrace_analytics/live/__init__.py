"""Live streams: one follower of the log for all clients, fanned out by tenant."""
