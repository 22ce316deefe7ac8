"""The accounts that development nodes fund: known to everybody, worth nothing anywhere else."""

from functools import cache

from eth_account.hdaccount import key_from_seed, seed_from_mnemonic

from wasmarket.chain.sending.wallet import Account

MNEMONIC = "test test test test test test test test test test test junk"
COUNT = 10


@cache
def dev_accounts() -> tuple[Account, ...]:
    """Return the ten accounts that an Anvil with default settings gives 10,000 coins each."""
    seed = seed_from_mnemonic(MNEMONIC, "")
    keys = [key_from_seed(seed, f"m/44'/60'/0'/0/{index}") for index in range(COUNT)]
    return tuple(Account.from_key(key) for key in keys)
