"""The form for a task: its draft, its rows, and what this machine offers to fill it with."""
