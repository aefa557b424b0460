"""Reading strangers' files: in a child process that may do nothing else, and that a file may take down with it.

Imports nothing: what is imported here the child would start with. `reader.Reader` is the worker's side of it.
"""
