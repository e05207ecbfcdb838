"""Taking over what exists on the platform: `biot-provider import` and `biot-provider export`."""
