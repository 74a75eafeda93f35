"""This box: process identity, the guardian, ports, GPUs.

Import the modules themselves. Nothing is gathered here, because the guardian passes through this
file and has to start in tens of milliseconds.
"""
