"""What there is to see of one experiment, a part a page: as values, before any widget."""
