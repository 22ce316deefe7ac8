//! Answers its body in upper case. Raw ABI: see ../raw-abi.md.
const std = @import("std");
const memory = std.heap.wasm_allocator;

export fn alloc(size: usize) ?[*]u8 {
    const room = memory.alloc(u8, size) catch return null;
    return room.ptr;
}

export fn dealloc(pointer: [*]u8, size: usize) void {
    memory.free(pointer[0..size]);
}

export fn upper(body: [*]allowzero u8, size: usize) u64 {
    for (body[0..size]) |*byte| byte.* = std.ascii.toUpper(byte.*);
    return @as(u64, @intFromPtr(body)) << 32 | size;
}
