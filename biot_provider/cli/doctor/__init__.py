"""`biot-provider doctor`: one check for each thing a deployment needs."""
