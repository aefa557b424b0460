"""Many files' windows at rest: options, shards, manifest, report, and what a dataset says of itself.

Imports numpy and `pianola.codec`, and none of mido, torch, Flask or Celery.
"""
