"""What comes and goes as text: form and query parameters, strict JSON, URIs.

Nothing here knows what a parameter means. What is read here is still unverified.
"""
