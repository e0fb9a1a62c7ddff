"""The HTTP service: answers wherever an OpenAI client points."""
