"""How requests come in and go out: the server, its limits, routing and error bodies."""
