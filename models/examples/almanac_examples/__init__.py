"""What the exports share: series to compare on, and writing a bundle."""
