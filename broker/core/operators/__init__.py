"""Use cases of operators, as data: what may be asked, and how a question is read (ADR 66)."""
