"""Reads a .zip as the source of a package; writes the .zip of one, and keeps it between the processes of a run."""
