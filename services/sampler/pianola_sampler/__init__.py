"""The sampler service: models play over HTTP, as JSON, MIDI, sound, scores, pictures or a zip."""
