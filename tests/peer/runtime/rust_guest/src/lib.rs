//! Every argument and result type of the guest crate, and the ways a Rust function fails.

guest::export! {
    fn bools(a: bool) -> bool { !a }
    fn bytes_1(a: u8, b: i8) -> u8 { a.wrapping_add(b as u8) }
    fn shorts(a: u16, b: i16) -> i16 { (a as i16).wrapping_sub(b) }
    fn words(a: u32, b: i32) -> u32 { a.wrapping_add(b as u32) }
    fn longs(a: u64, b: i64) -> i64 { (a as i64).wrapping_add(b) }
    fn floats(a: f32, b: f64) -> f64 { a as f64 * b }
    fn single(a: f32) -> f32 { a / 2.0 }
    pub fn join(a: String, n: u32, b: Vec<u8>) -> String {
        format!("{}/{}/{:?}", a, n, b)
    }
    fn nothing() {}
    fn silent(_a: String) { guest::error!("no answer"); println!("printed"); }
    fn variable(name: String) -> String { std::env::var(name).unwrap_or_default() }
    fn panics() -> String { panic!("on purpose") }
    fn eats(bytes: u64) -> u64 { vec![1u8; bytes as usize].len() as u64 }
    fn panics_full(bytes: u64) { let full = vec![1u8; bytes as usize]; panic!("{}", full.len()) }
    fn exits() { std::process::exit(3) }
    fn reads(path: String) -> String {
        match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => format!("error: {:?}", error.kind()),
        }
    }
    fn writes(path: String, text: String) -> bool { std::fs::write(path, text).is_ok() }
}
