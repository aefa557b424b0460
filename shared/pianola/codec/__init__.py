"""MIDI bytes to rolls and back: options, reader, roll, writer, verdicts, shards.

Import the module you need: only `pianola.codec.writer` loads mido, and nothing here loads torch.
"""
