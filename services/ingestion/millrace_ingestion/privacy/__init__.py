"""What is left out of events before they are stored."""
