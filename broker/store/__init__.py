"""Where state lives: a protocol per repository, gathered in `base`, and what expires by itself in `transient`.

Services know these alone; `sql`, `sqlite` and `redis` are picked by the composition root.
"""
