"""Charts: what is drawn is worked out as values first (`spec`), and only then drawn (`drawing`)."""
