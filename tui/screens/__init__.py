"""The numbered screens, one file each."""
