"""The sampler service: models play over HTTP, as MIDI, pictures, JSON or a zip of all."""
