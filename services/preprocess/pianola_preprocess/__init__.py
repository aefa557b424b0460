"""The preprocess service: a Celery worker that turns a dataset's MIDI files into shards."""
