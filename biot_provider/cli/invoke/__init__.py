"""`biot-provider invoke`: run a plugin's handler on this machine with the calls that the platform would make."""
