"""The trainer: a Celery worker that takes a run to its checkpoints, metrics and evaluation."""
