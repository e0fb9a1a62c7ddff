"""What each node and edge of the graph does, one file each; orchestrator.graph says how they are wired.

Every node has a sync and an async face, and writes only plain dicts and lists, which any checkpointer keeps.
"""
