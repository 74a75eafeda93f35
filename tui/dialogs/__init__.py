"""What asks something over a screen: a list to choose from, a yes or no, a text."""
