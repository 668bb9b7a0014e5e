"""config.yaml: what may stand in it (`model`) and how it is read (`load`)."""
