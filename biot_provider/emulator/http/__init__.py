"""The HTTP layer: the server, its limits, routing and error bodies."""
