"""MIDI bytes to rolls and back, one file at a time: options, reader, roll, windows, verdicts, writer.

Import the module you need; nothing here loads torch.
"""

from pianola.codec.native import module

compiled: bool = module is not None
"""Whether the compiled half is in use; without it the same is done in Python, several times slower."""
