"""Lets no one in: who may not come in and tries, in sentences, at the door of a whole gateway.

Tokens, API keys, rights and routes have a module each. Files that change while somebody is inside (a revocation, a
grant that is taken back, an issuer's key) are in `test_identity.py`, what the wire refuses in `test_edge_wire.py`.
"""
