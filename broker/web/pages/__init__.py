"""Pages people see: views, Jinja2 templates, assets, languages, colours, and how an answer travels (response modes).

A view says what is shown, never how it came about.
"""
