"""What the server's JSON becomes: one frozen type per resource.

Forward compatible: unknown fields are ignored, states and kinds are plain strings, and everything a newer server might
leave out has a default. Times are ISO 8601 in UTC.
"""
