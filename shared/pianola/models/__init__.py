"""Model families behind a small interface: `learner`, `generator`. `families` and `presets` need no torch; `registry`
makes learners and loads generators.
"""
