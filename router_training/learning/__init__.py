"""The parts of a policy: inputs, selection, tokens, novelty, the decision, and how they are kept."""
