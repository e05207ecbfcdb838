"""`biot-provider graph`."""
