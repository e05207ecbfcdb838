"""`biot-provider import`."""
