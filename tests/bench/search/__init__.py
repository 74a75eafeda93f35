"""The search, searched: replays against the simulated engine's model and recorded measurements."""
