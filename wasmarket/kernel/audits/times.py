"""Constants of the protocol for audits, in epochs (CONTRACTS 1)."""

CHALLENGE_EPOCHS = 7
"""C: an epoch e can be asked about, contradicted or accused of while E ≤ e + C."""

ANSWER_EPOCHS = 3
"""How long an ask waits for its answer."""

CASE_EPOCHS = 5
"""L: how long a case lasts at most."""

HOLD_EPOCHS = CHALLENGE_EPOCHS + CASE_EPOCHS
"""How long the word of an assignment that is over stays."""

RING_EPOCHS = 16
"""How many epochs' roots the chain knows; receipts must be kept as long."""
