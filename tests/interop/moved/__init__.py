"""An app of Django's with users of its own, as sites have them that did not want numbers."""
