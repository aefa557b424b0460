"""Imports: files that a worker fetches into a dataset, from the web, from recipes and from S3 buckets."""

from pianola_preprocess.importing.run import fail_import, run_import

__all__ = ["fail_import", "run_import"]
