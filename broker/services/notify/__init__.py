"""Messages (notifications) of apps to their own users: an app orders one, a worker sends it, the app asks about it.

Between the two is a durable queue (`broker.store.notify`); who sends, and how, is the provider's (`WritesMessages`).
"""
