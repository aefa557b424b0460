"""Model families behind one small interface, `base`. `families` and `presets` need no torch; `registry` makes learners
and generators.
"""
