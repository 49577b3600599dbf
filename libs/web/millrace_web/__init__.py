"""The kit of the HTTP services: app factory, error bodies, request ids, health and metrics routes, streams."""
