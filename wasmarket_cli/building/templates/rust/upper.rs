//! Answers its body in upper case. Raw ABI: bytes in, bytes out.

#[no_mangle]
pub extern "C" fn alloc(size: usize) -> *mut u8 {
    let mut room = Vec::with_capacity(size);
    let pointer = room.as_mut_ptr();
    std::mem::forget(room);
    pointer
}

/// # Safety
/// The host gives back what it got.
#[no_mangle]
pub unsafe extern "C" fn dealloc(pointer: *mut u8, size: usize) {
    drop(Vec::from_raw_parts(pointer, size, size));
}

/// # Safety
/// The host gives a room of `alloc`, filled.
#[no_mangle]
pub unsafe extern "C" fn upper(pointer: *mut u8, size: usize) -> u64 {
    if size == 0 {
        return 0;
    }
    std::slice::from_raw_parts_mut(pointer, size).make_ascii_uppercase();
    (pointer as u64) << 32 | size as u64
}
