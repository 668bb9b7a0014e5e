"""An OAuth 2.0 upstream that is described rather than programmed: by keys of config.yaml, or by a preset."""
