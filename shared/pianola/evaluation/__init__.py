"""What a model plays, compared with what it learned from.

`metrics` counts, `features` describes each window, `overlap` and `fidelity` say how much two sets share, `copying` how
near one is to the other (numpy). `pictures` draws windows as piano rolls (Pillow), `plots` draws curves and bars
(matplotlib). Nothing is imported here, so that a process that counts needs no drawing library.
"""
