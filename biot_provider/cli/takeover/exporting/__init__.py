"""`biot-provider export`."""
