"""What to do when a contract refuses: its reasons are short, since each byte of code counts."""

from collections.abc import Mapping

from wasmarket.kernel.errors import MarketError, Reverted

GET_TOKENS = (
    "see `wasmarket wallet balance`; on a local chain `wasmarket local faucet` gives tokens"
)

CASE_STATUS = "`wasmarket audit status CASE` says where it stands"

REMEDIES: Mapping[str, str] = {
    "audits: accused before": CASE_STATUS,
    "audits: asked before": CASE_STATUS,
    "audits: no root": "the peer has committed nothing for that epoch",
    "audits: no such assignment": "`wasmarket usage DEAL` lists a deal's assignments",
    "audits: no units": "a juror's peer has a unit: `wasmarket peer set-units PEER UNITS`",
    "audits: not open": CASE_STATUS,
    "audits: not the provider": "choose the provider's key by --key",
    "audits: too few seats": "there are too few jurors: `wasmarket peer seats` adds some",
    "audits: too soon": CASE_STATUS,
    "audits: wrong epoch": "give one in which the assignment ran, at most 7 epochs ago",
    "deals: no such deal": "`wasmarket status` lists your deals",
    "deals: not the developer": "`wasmarket status DEAL` says whose it is; choose the key by --key",
    "deals: not enough balance": "`wasmarket runway DEAL` says how much it has",
    "deals: notice": "until 3 epochs after its end its money stays for vouchers",
    "deals: ended": "it takes no more money; deploy again",
    "deals: stopped": "it takes no more money; deploy again",
    "erc20: not enough balance": GET_TOKENS,
    "erc20: not enough allowance": GET_TOKENS,
    "faucet: too soon": "wait, or ask for another address: --to ADDRESS",
    "ledger: not enough free": "`wasmarket wallet balance` says how much is free in Market",
    "ledger: amount out of range": "give more than 0",
    "peers: not the provider": "choose the provider's key by --key",
    "peers: units in use": "wait until the deals have run off, or `wasmarket peer leave PEER`",
    "staking: amount out of range": "give more than 0",
    "staking: bond not covered": "stake first: `wasmarket provider stake AMOUNT`",
    "staking: not enough free": "bonds are locked until `wasmarket peer set-units PEER FEWER`",
    "staking: not ready": "`wasmarket provider status` says when it is",
    "staking: nothing leaving": "ask for it first: `wasmarket provider unstake AMOUNT`",
}


def find_remedy(error: MarketError) -> str | None:
    """Return what the error says to do, or what its contract's reason stands for."""
    if error.remedy is None and isinstance(error, Reverted):
        return REMEDIES.get(error.reason)
    return error.remedy
