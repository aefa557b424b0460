"""`pianola up`: everything on one machine, in child processes of one supervisor."""
