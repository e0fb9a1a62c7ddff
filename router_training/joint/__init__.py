"""What several answers to one prompt tell together: a combined confidence, and which model to ask next."""
