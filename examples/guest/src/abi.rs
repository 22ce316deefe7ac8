//! The memory side of the Marine ABI: how strings, arrays and records get in and out.
//!
//! The host allocates room for each piece, writes it and passes where it is; the function leaves its
//! answer where the result pointer says, and the host reads it before it calls `release_objects`.

use std::sync::Mutex;

static KEPT: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());
static RESULT_PTR: Mutex<usize> = Mutex::new(0);
static RESULT_SIZE: Mutex<usize> = Mutex::new(0);

extern "C" {
    fn __wasm_call_ctors();
}

/// Prepares the C library (open folders, environment), once; the host calls it first. Without it the
/// linker would wrap every export to do this again on each call.
#[no_mangle]
pub extern "C" fn _initialize() {
    // SAFETY: made by the linker, called once and before anything else.
    unsafe { __wasm_call_ctors() }
}

/// Gives the host room for `size` bytes. The type tag says what will stand there; everything is
/// packed and read byte by byte, so it plays no part.
#[cfg(not(feature = "old-allocate"))]
#[no_mangle]
pub extern "C" fn allocate(size: usize, _type_tag: i32) -> *mut u8 {
    reserve(size)
}

/// As old SDKs had it: the size alone.
#[cfg(feature = "old-allocate")]
#[no_mangle]
pub extern "C" fn allocate(size: usize) -> *mut u8 {
    reserve(size)
}

fn reserve(size: usize) -> *mut u8 {
    if size == 0 {
        return std::ptr::null_mut();
    }
    let mut room = Vec::<u8>::with_capacity(size);
    let pointer = room.as_mut_ptr();
    std::mem::forget(room);
    pointer
}

/// Drops what was handed to the host, which has copied it by now.
#[no_mangle]
pub extern "C" fn release_objects() {
    KEPT.lock().unwrap().clear();
}

#[no_mangle]
pub extern "C" fn get_result_ptr() -> usize {
    *RESULT_PTR.lock().unwrap()
}

#[no_mangle]
pub extern "C" fn get_result_size() -> usize {
    *RESULT_SIZE.lock().unwrap()
}

/// Called by the host when an import answers.
#[no_mangle]
pub extern "C" fn set_result_ptr(pointer: usize) {
    *RESULT_PTR.lock().unwrap() = pointer;
}

/// Called by the host when an import answers.
#[no_mangle]
pub extern "C" fn set_result_size(size: usize) {
    *RESULT_SIZE.lock().unwrap() = size;
}

/// Takes over the bytes that the host has written.
///
/// # Safety
/// `pointer` must come from `allocate(size, _)` and be taken once.
pub unsafe fn take_bytes(pointer: *mut u8, size: usize) -> Vec<u8> {
    if size == 0 {
        return Vec::new();
    }
    Vec::from_raw_parts(pointer, size, size)
}

/// Keeps bytes for the host to read, until it releases them; returns where they are.
pub fn keep(bytes: Vec<u8>) -> *mut u8 {
    let pointer = bytes.as_ptr() as *mut u8;
    KEPT.lock().unwrap().push(bytes);
    pointer
}
