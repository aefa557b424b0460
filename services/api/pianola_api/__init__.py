"""The api: datasets, runs, models and keys over HTTP, with OpenAPI, and the studio page."""
