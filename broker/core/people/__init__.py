"""Who somebody is: the identity an upstream vouches for, our account, and the `sub` one client sees (pairwise or not).

Texts and addresses about people are cleaned here, at the one border where they come in.
"""
