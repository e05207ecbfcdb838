"""A stand-in for Pulumi's Python language host: the gRPC server through which the engine runs a Python program.

The vendor's host is a Go program that no package registry serves. This one answers the calls that `pulumi up`,
`preview`, `refresh`, `destroy`, `about` and `install` make, with the vendor's options, messages and exit codes. It
runs on a virtual environment of its own, so that neither the project's Python nor its packages matter to it.
"""
