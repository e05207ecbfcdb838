"""`biot-provider compare`."""
