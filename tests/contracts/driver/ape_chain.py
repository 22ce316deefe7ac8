"""Run the bytecode on Anvil, through Ape's accounts and contracts."""

from collections.abc import Sequence
from typing import Any

from ape.contracts import ContractContainer
from ape.exceptions import ContractLogicError
from eth_utils import to_checksum_address
from ethpm_types import ContractType

from tests.contracts.driver.abi import Contract, Log
from tests.contracts.driver.build import build
from tests.contracts.driver.chain import Receipt, created_address, reason_of

GAS = 25_000_000


class ApeChain:
    """Ape's provider, with a clock that stands still between travels."""

    def __init__(self, accounts: Any, chain: Any, project: Any, now: int) -> None:
        self.accounts = {account.address: account for account in accounts}
        self.keys = {
            address: bytes.fromhex(account.private_key[2:])
            for address, account in self.accounts.items()
        }
        self.provider, self.project = chain.provider, project
        self.chain_id = int(chain.chain_id)
        self.travel(now)

    @property
    def deployer(self) -> str:
        """Who deploys, and so owns."""
        return next(iter(self.accounts))

    def deploy(self, name: str, *arguments: Any) -> Contract:
        """Deploy what Ape compiled, or what the tests compile themselves."""
        container = self.project.contracts.get(name) or self._mock(name)
        self.hold_clock()
        instance = self.accounts[self.deployer].deploy(container, *arguments)
        abi = [entry.model_dump(mode="json", by_alias=True) for entry in instance.contract_type.abi]
        return Contract(name, instance.address, abi, instance)

    def _mock(self, name: str) -> ContractContainer:
        abi, bytecode, _ = build(name)
        kind = {
            "contractName": name,
            "abi": abi,
            "deploymentBytecode": {"bytecode": "0x" + bytecode.hex()},
        }
        return ContractContainer(ContractType.model_validate(kind))

    def code_at(self, address: str) -> bytes:
        """Return a contract's code as deployed, with its immutables."""
        return bytes(self.provider.web3.eth.get_code(address))

    def next_address(self, ahead: int = 0) -> str:
        """Name the address of a later deployment; 0 is the next."""
        return created_address(self.deployer, self.accounts[self.deployer].nonce + ahead)

    def send(
        self, sender: str, contract: Contract, function: str, arguments: tuple[Any, ...]
    ) -> Receipt:
        """Send a transaction and wait for it.

        Straight to the node: Ape asks it twenty questions for each transaction, and traces those
        that fail, which takes seconds for a long one.
        """
        data = "0x" + contract.encode(function, arguments).hex()
        call = {"from": sender, "to": contract.address, "data": data, "gas": hex(GAS)}
        self.hold_clock()
        sent, receipt = self._raw_request("eth_sendTransaction", call)["result"], None
        while receipt is None:  # Anvil mines at once, but answers before it has
            receipt = self._raw_request("eth_getTransactionReceipt", sent)["result"]
        if int(receipt["status"], 16) == 1:
            return Receipt(tuple(self._log(log) for log in receipt["logs"]))
        error = self._raw_request("eth_call", call, "latest")["error"]
        reason = reason_of(bytes.fromhex((error.get("data") or "0x")[2:]))
        return Receipt(reason=reason, error=ContractLogicError(reason))

    @staticmethod
    def _log(log: dict[str, Any]) -> Log:
        words = tuple(bytes.fromhex(topic[2:]) for topic in log["topics"])
        address = to_checksum_address(log["address"])
        return Log(address, words, bytes.fromhex(log["data"][2:]))

    def read(self, calls: Sequence[tuple[Contract, str, tuple[Any, ...]]]) -> list[Any]:
        """Call views, in one request."""
        requests = [
            ("eth_call", [{"to": c.address, "data": "0x" + c.encode(f, a).hex()}, "latest"])
            for c, f, a in calls
        ]
        if not requests:
            return []
        answers = self.provider.web3.provider.make_batch_request(requests)
        answers = sorted(answers, key=lambda answer: answer["id"])
        return [
            contract.decode(function, bytes.fromhex(answer["result"][2:]))
            for (contract, function, _), answer in zip(calls, answers, strict=True)
        ]

    def hold_clock(self) -> None:
        """Let the next block have the time that it is."""
        self._request("evm_setNextBlockTimestamp", self.now)

    @property
    def block(self) -> int:
        """Number of the block that the next transaction is in."""
        return int(self._request("eth_blockNumber"), 16) + 1

    @property
    def randao(self) -> bytes:
        """Nothing: a node's randomness is known afterwards. Juries are tested in process."""
        return bytes(32)

    def travel(self, now: int, blocks: int = 1) -> None:
        """Move the clock, and make blocks for views to stand on."""
        self.now = now
        for _ in range(max(1, blocks)):
            self.hold_clock()
            self._request("evm_mine")

    def _raw_request(self, method: str, *parameters: Any) -> dict[str, Any]:
        return dict(self.provider.web3.provider.make_request(method, list(parameters)))

    def _request(self, method: str, *parameters: Any) -> Any:
        return self.provider.make_request(method, list(parameters))
