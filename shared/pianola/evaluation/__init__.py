"""What a model plays, compared with what it learned from.

`metrics` counts (numpy), `pictures` draws windows as piano rolls (Pillow), `plots` draws curves and bars (matplotlib).
Nothing is imported here, so that a process that counts needs no drawing library.
"""
