"""The developer's meter: checks what peers say that they did, and signs for what is true.

It reads committed roots from the chain and receipts from the peers, keeps a journal, sends
vouchers, and has those convicted that contradict themselves or do not answer.
"""
