"""The ledger: one priced record per request in a Redis stream, and the daily sums that are written with it."""
