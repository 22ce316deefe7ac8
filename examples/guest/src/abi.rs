//! The memory side of the Marine ABI: how strings and byte arrays get in and out.
//!
//! The host allocates room for each argument, writes it and passes (pointer, length); the function
//! leaves its answer in `RESULT`, where the host reads it before it calls `release_objects`.

use std::sync::Mutex;

static RESULT: Mutex<Vec<u8>> = Mutex::new(Vec::new());
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

/// Gives the host room for `size` bytes. The type tag says what will stand there; this crate takes
/// bytes only, so it plays no part.
#[no_mangle]
pub extern "C" fn allocate(size: usize, _type_tag: i32) -> *mut u8 {
    if size == 0 {
        return std::ptr::null_mut();
    }
    let mut room = Vec::<u8>::with_capacity(size);
    let pointer = room.as_mut_ptr();
    std::mem::forget(room);
    pointer
}

/// Drops the last answer, which the host has copied by now.
#[no_mangle]
pub extern "C" fn release_objects() {
    *RESULT.lock().unwrap() = Vec::new();
}

#[no_mangle]
pub extern "C" fn get_result_ptr() -> usize {
    *RESULT_PTR.lock().unwrap()
}

#[no_mangle]
pub extern "C" fn get_result_size() -> usize {
    *RESULT_SIZE.lock().unwrap()
}

/// Called by the host when one of its own functions answers.
#[no_mangle]
pub extern "C" fn set_result_ptr(pointer: usize) {
    *RESULT_PTR.lock().unwrap() = pointer;
}

/// Called by the host when one of its own functions answers.
#[no_mangle]
pub extern "C" fn set_result_size(size: usize) {
    *RESULT_SIZE.lock().unwrap() = size;
}

/// Takes over the bytes that the host has written for an argument.
///
/// # Safety
/// `pointer` must come from `allocate(size, _)` and be taken once.
pub unsafe fn take_bytes(pointer: *mut u8, size: usize) -> Vec<u8> {
    if size == 0 {
        return Vec::new();
    }
    Vec::from_raw_parts(pointer, size, size)
}

/// Takes over a string argument; the host only passes UTF-8.
///
/// # Safety
/// As for `take_bytes`.
pub unsafe fn take_string(pointer: *mut u8, size: usize) -> String {
    String::from_utf8(take_bytes(pointer, size)).expect("the host passes UTF-8")
}

/// Leaves an answer where the host finds it.
pub fn put_bytes(answer: Vec<u8>) {
    set_result_ptr(answer.as_ptr() as usize);
    set_result_size(answer.len());
    *RESULT.lock().unwrap() = answer;
}
