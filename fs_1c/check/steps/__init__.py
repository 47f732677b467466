"""What is looked at, a step a file: each says what it found."""
