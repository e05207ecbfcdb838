"""The functions of plugins, deployed and run on this machine."""
