"""How each kind of inference server is spelled: command line, flags, requests, signs of failure.

Imports nothing, as the simulated server's process passes through here on its way to a start within
the blink of an eye; `registry` is where every engine is found by its name.
"""
