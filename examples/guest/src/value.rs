//! How values cross the border: one or two numbers as arguments, packed bytes in memory.
//!
//! The host allocates room for each piece, writes it and hands it over; what goes to the host stays
//! in `KEPT` until the host has copied it and calls `release_objects`.

use crate::abi;

/// A type that functions may take and give: numbers, `bool`, `String`, `Vec` of any of them, and
/// records (see `record!`).
pub trait Value: Sized {
    /// Bytes that a value takes inside a record or an array.
    const SIZE: usize;
    /// The core argument that carries a value, or its first half.
    type First;
    /// The second half; nothing for numbers and records.
    type Second;
    /// What a function returns to give a value: the number itself, or nothing.
    type Direct;

    /// Takes an argument over.
    ///
    /// # Safety
    /// The parts come from the other side and are taken once.
    unsafe fn take(first: Self::First, second: Self::Second) -> Self;

    /// Hands a value over as an argument; what lies in memory is kept until it is released.
    fn hand(self) -> (Self::First, Self::Second);

    /// Gives a value as a function's result.
    fn give(self) -> Self::Direct;

    /// Takes over the result of an import.
    ///
    /// # Safety
    /// Right after the import returned.
    unsafe fn receive(direct: Self::Direct) -> Self;

    /// Appends the bytes that stand for a value inside a record or an array.
    fn store(self, out: &mut Vec<u8>);

    /// Reads and takes over a value inside a record or an array.
    ///
    /// # Safety
    /// `at` points to what `store` of the other side wrote, and it is read once.
    unsafe fn load(at: *const u8) -> Self;

    /// Turns an array into its bytes.
    fn pack(items: Vec<Self>) -> Vec<u8> {
        let mut out = Vec::with_capacity(items.len() * Self::SIZE);
        for item in items {
            item.store(&mut out);
        }
        out
    }

    /// Takes an array of `count` items over.
    ///
    /// # Safety
    /// As for `load`.
    unsafe fn unpack(pointer: *mut u8, count: usize) -> Vec<Self> {
        let bytes = abi::take_bytes(pointer, count * Self::SIZE);
        (0..count).map(|index| Self::load(bytes.as_ptr().add(index * Self::SIZE))).collect()
    }
}

macro_rules! number {
    ($($kind:ty),*) => {$(
        impl Value for $kind {
            const SIZE: usize = std::mem::size_of::<$kind>();
            type First = $kind;
            type Second = ();
            type Direct = $kind;
            unsafe fn take(first: $kind, _: ()) -> Self { first }
            fn hand(self) -> ($kind, ()) { (self, ()) }
            fn give(self) -> $kind { self }
            unsafe fn receive(direct: $kind) -> Self { direct }
            fn store(self, out: &mut Vec<u8>) { out.extend_from_slice(&self.to_le_bytes()) }
            unsafe fn load(at: *const u8) -> Self { (at as *const $kind).read_unaligned() }
        }
    )*};
}

number!(u16, u32, u64, i8, i16, i32, i64, f32, f64);

impl Value for u8 {
    const SIZE: usize = 1;
    type First = u8;
    type Second = ();
    type Direct = u8;
    unsafe fn take(first: u8, _: ()) -> Self { first }
    fn hand(self) -> (u8, ()) { (self, ()) }
    fn give(self) -> u8 { self }
    unsafe fn receive(direct: u8) -> Self { direct }
    fn store(self, out: &mut Vec<u8>) { out.push(self) }
    unsafe fn load(at: *const u8) -> Self { *at }
    fn pack(items: Vec<u8>) -> Vec<u8> { items }
    unsafe fn unpack(pointer: *mut u8, count: usize) -> Vec<u8> { abi::take_bytes(pointer, count) }
}

impl Value for bool {
    const SIZE: usize = 1;
    type First = i32;
    type Second = ();
    type Direct = i32;
    unsafe fn take(first: i32, _: ()) -> Self { first != 0 }
    fn hand(self) -> (i32, ()) { (self as i32, ()) }
    fn give(self) -> i32 { self as i32 }
    unsafe fn receive(direct: i32) -> Self { direct != 0 }
    fn store(self, out: &mut Vec<u8>) { out.push(self as u8) }
    unsafe fn load(at: *const u8) -> Self { *at != 0 }
}

/// A function that gives nothing.
impl Value for () {
    const SIZE: usize = 0;
    type First = ();
    type Second = ();
    type Direct = ();
    unsafe fn take(_: (), _: ()) -> Self {}
    fn hand(self) -> ((), ()) { ((), ()) }
    fn give(self) {}
    unsafe fn receive(_: ()) -> Self {}
    fn store(self, _: &mut Vec<u8>) {}
    unsafe fn load(_: *const u8) -> Self {}
}

impl<T: Value> Value for Vec<T> {
    const SIZE: usize = 8;
    type First = *mut u8;
    type Second = usize;
    type Direct = ();
    unsafe fn take(first: *mut u8, second: usize) -> Self { T::unpack(first, second) }
    fn hand(self) -> (*mut u8, usize) {
        let count = self.len();
        (abi::keep(T::pack(self)), count)
    }
    fn give(self) {
        let (pointer, count) = self.hand();
        abi::set_result_ptr(pointer as usize);
        abi::set_result_size(count);
    }
    unsafe fn receive(_: ()) -> Self {
        T::unpack(abi::get_result_ptr() as *mut u8, abi::get_result_size())
    }
    fn store(self, out: &mut Vec<u8>) {
        let (pointer, count) = self.hand();
        (pointer as u32).store(out);
        (count as u32).store(out);
    }
    unsafe fn load(at: *const u8) -> Self {
        T::unpack(u32::load(at) as *mut u8, u32::load(at.add(4)) as usize)
    }
}

impl Value for String {
    const SIZE: usize = 8;
    type First = *mut u8;
    type Second = usize;
    type Direct = ();
    unsafe fn take(first: *mut u8, second: usize) -> Self { read(Vec::take(first, second)) }
    fn hand(self) -> (*mut u8, usize) { self.into_bytes().hand() }
    fn give(self) { self.into_bytes().give() }
    unsafe fn receive(_: ()) -> Self { read(Vec::receive(())) }
    fn store(self, out: &mut Vec<u8>) { self.into_bytes().store(out) }
    unsafe fn load(at: *const u8) -> Self { read(Vec::load(at)) }
}

fn read(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("the host passes UTF-8")
}
