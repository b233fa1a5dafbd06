"""What `imgedit evaluate` measures; one file a question."""
