"""What the person who runs Pianola does with it: look whether it is well, back it up, restore it, clear it up.

`python -m pianola.operations` beside the services, `pianola doctor`, `backup`, `restore` and `gc` where the command is.
"""
