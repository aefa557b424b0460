"""Model families behind one small interface. `presets` needs no torch; `registry` makes learners and generators."""
