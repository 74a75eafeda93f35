"""The simulated engine: a model of an inference server on a named GPU, behind a real HTTP server.

It computes no token. A roofline model says how long each step of a continuous-batching scheduler
would take; the scheduler, its paged KV cache and its radix tree are played out in full. Figures
show how flags interact, not what a real GPU would measure.

    machines · roofline · memory            what the hardware can do; formulas
    arguments · startup                     the flags, their defaults, and what a launch comes to
    request · prefix_cache · kv_cache       who holds which pages of the cache
    admission · scheduler                   the server's inside, on a virtual clock
    workload · simulation                   a load, and the model called as a plain function
    completions · answers · metrics         what is said over HTTP
    wire · pacing · dispatch · api · server the virtual clock tied to the wall's, behind a socket
    engine                                  how the rest of the program sees it

All but the line before the last is pure. Imports stay light, because the server is launched once
per experiment.
"""
