"""Write the body of a Wasm function, instruction by instruction, as a stack machine reads it."""

from typing import Final

from wasmarket.kernel.documents.varints import encode_varint

I64: Final = b"\x7e"
END: Final = b"\x0b"
LOCAL_GET, LOCAL_SET, LOCAL_TEE = b"\x20", b"\x21", b"\x22"
I64_CONST: Final = b"\x42"
PLAIN: Final = {
    "i64.add": b"\x7c",
    "i64.sub": b"\x7d",
    "i64.mul": b"\x7e",
    "i64.and": b"\x83",
    "i64.or": b"\x84",
    "i64.xor": b"\x85",
    "i64.shl": b"\x86",
    "i64.shr_u": b"\x88",
    "i64.extend_i32_u": b"\xad",
    "i64.add128": b"\xfc\x13",
    "i64.mul_wide_u": b"\xfc\x16",
}
# With the exponent of the alignment that they hint at: 4 bytes, as all of a field element has.
MEMORY: Final = {
    "i64.load": b"\x29",
    "i64.load32_u": b"\x35",
    "i64.store": b"\x37",
}
ALIGNMENT: Final = b"\x02"


class FunctionBody:
    """The code of one function; its parameters are i32 and have the first numbers."""

    def __init__(self, parameters: int) -> None:
        self._parameters = parameters
        self._locals = 0
        self._code = bytearray()

    def add_local(self) -> int:
        """Return the number of a new i64."""
        self._locals += 1
        return self._parameters + self._locals - 1

    def get(self, *locals_: int) -> "FunctionBody":
        """Push these locals."""
        for number in locals_:
            self._code += LOCAL_GET + encode_varint(number)
        return self

    def set(self, local: int) -> "FunctionBody":
        """Pop into a local."""
        self._code += LOCAL_SET + encode_varint(local)
        return self

    def tee(self, local: int) -> "FunctionBody":
        """Copy the top into a local."""
        self._code += LOCAL_TEE + encode_varint(local)
        return self

    def const(self, number: int) -> "FunctionBody":
        """Push an i64."""
        self._code += I64_CONST + _encode_signed(number)
        return self

    def do(self, *names: str) -> "FunctionBody":
        """Do instructions that say everything by their names."""
        for name in names:
            self._code += PLAIN[name]
        return self

    def access(self, name: str, offset: int) -> "FunctionBody":
        """Load from, or store to, `offset` after the pointer that lies on the stack."""
        self._code += MEMORY[name] + ALIGNMENT + encode_varint(offset)
        return self

    def build(self) -> bytes:
        """Return locals and code as they stand in a module, without their length."""
        return b"\x01" + encode_varint(self._locals) + I64 + bytes(self._code) + END


def _encode_signed(number: int) -> bytes:
    result = bytearray()
    while not -0x40 <= number < 0x40:
        result.append(number & 0x7F | 0x80)
        number >>= 7
    result.append(number & 0x7F)
    return bytes(result)
