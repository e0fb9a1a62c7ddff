"""What can be read off an answer: checks, features, final parts."""
