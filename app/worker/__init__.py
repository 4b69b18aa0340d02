"""The process that owns models, the index and all long work, and what the web process needs to speak with it."""
