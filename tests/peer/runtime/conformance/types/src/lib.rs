//! Every type of Marine, there and back, changed on the way so that nothing is only passed through.

guest::record! {
    #[derive(Clone, Debug, PartialEq)]
    pub struct Scalars {
        pub flag: bool,
        pub a: u8,
        pub b: u16,
        pub c: u32,
        pub d: u64,
        pub e: i8,
        pub f: i16,
        pub g: i32,
        pub h: i64,
        pub i: f32,
        pub j: f64,
    }

    #[derive(Clone, Debug)]
    pub struct Address {
        pub street: String,
        pub lines: Vec<String>,
        pub place: Place,
    }

    #[derive(Clone, Debug)]
    pub struct Place {
        pub east: f64,
        pub north: f64,
    }

    #[derive(Clone, Debug)]
    pub struct Person {
        pub name: String,
        pub age: u16,
        pub homes: Vec<Address>,
        pub photo: Vec<u8>,
        pub scores: Vec<Vec<i64>>,
    }

    pub struct Empty {}
}

guest::export! {
    fn of_bool(v: bool) -> bool { !v }
    fn of_u8(v: u8) -> u8 { v.wrapping_add(1) }
    fn of_u16(v: u16) -> u16 { v.wrapping_add(1) }
    fn of_u32(v: u32) -> u32 { v.wrapping_add(1) }
    fn of_u64(v: u64) -> u64 { v.wrapping_add(1) }
    fn of_i8(v: i8) -> i8 { v.wrapping_add(1) }
    fn of_i16(v: i16) -> i16 { v.wrapping_add(1) }
    fn of_i32(v: i32) -> i32 { v.wrapping_add(1) }
    fn of_i64(v: i64) -> i64 { v.wrapping_add(1) }
    fn of_f32(v: f32) -> f32 { v * 2.0 }
    fn of_f64(v: f64) -> f64 { v * 2.0 }
    fn of_string(v: String) -> String { v + "!" }
    fn of_bytes(v: Vec<u8>) -> Vec<u8> { reversed(v) }

    fn bools(v: Vec<bool>) -> Vec<bool> { reversed(v) }
    fn u16s(v: Vec<u16>) -> Vec<u16> { reversed(v) }
    fn u32s(v: Vec<u32>) -> Vec<u32> { reversed(v) }
    fn u64s(v: Vec<u64>) -> Vec<u64> { reversed(v) }
    fn i8s(v: Vec<i8>) -> Vec<i8> { reversed(v) }
    fn i16s(v: Vec<i16>) -> Vec<i16> { reversed(v) }
    fn i32s(v: Vec<i32>) -> Vec<i32> { reversed(v) }
    fn i64s(v: Vec<i64>) -> Vec<i64> { reversed(v) }
    fn f32s(v: Vec<f32>) -> Vec<f32> { reversed(v) }
    fn f64s(v: Vec<f64>) -> Vec<f64> { reversed(v) }
    fn strings(v: Vec<String>) -> Vec<String> { reversed(v) }
    fn byte_arrays(v: Vec<Vec<u8>>) -> Vec<Vec<u8>> { reversed(v) }
    fn deep(v: Vec<Vec<Vec<String>>>) -> Vec<Vec<Vec<String>>> { reversed(v) }

    fn scalars(v: Scalars) -> Scalars {
        Scalars { flag: !v.flag, a: v.a ^ 1, b: v.b ^ 1, c: v.c ^ 1, d: v.d ^ 1, e: v.e ^ 1, f: v.f ^ 1,
            g: v.g ^ 1, h: v.h ^ 1, i: -v.i, j: -v.j }
    }
    fn scalars_list(v: Vec<Scalars>) -> Vec<Scalars> { reversed(v) }
    fn older(person: Person) -> Person {
        let mut person = person;
        person.age += 1;
        for home in &mut person.homes {
            home.lines.push(format!("{:.1}/{:.1}", home.place.east, home.place.north));
        }
        person.photo.push(255);
        person
    }
    fn people(v: Vec<Person>) -> Vec<Person> { reversed(v) }
    fn crowds(v: Vec<Vec<Person>>) -> Vec<Vec<Person>> { reversed(v) }
    fn empty(_v: Empty) -> Empty { Empty {} }

    fn mixed(a: bool, b: String, c: u64, d: Vec<u8>, e: Place, f: f32, g: Vec<i16>) -> String {
        format!("{} {} {} {:?} {}/{} {} {:?}", a, b, c, d, e.east, e.north, f, g)
    }
    fn nothing() {}
    fn takes(_v: Vec<Person>) {}

    fn logs(target: i32) {
        use guest::log::{write_target, Level};
        write_target(Level::Error, target, "e");
        write_target(Level::Warn, target, "w");
        write_target(Level::Info, target, "i");
        write_target(Level::Debug, target, "d");
        write_target(Level::Trace, target, "t");
    }
    fn logs_all() { guest::error!("e"); guest::warn!("w"); guest::info!("i"); guest::debug!("d"); guest::trace!("t"); }
    fn fails(how: String) -> String {
        match how.as_str() {
            "panic" => panic!("on purpose"),
            "unwrap" => None::<String>.unwrap(),
            "index" => how.as_bytes()[how.len() * 2].to_string(),
            "divide" => (1 / (how.len() as u32 - 6)).to_string(),
            "exit" => std::process::exit(3),
            "abort" => std::process::abort(),
            "recurse" => recurse(how.len()).to_string(),
            "loop" => loop { std::hint::spin_loop() },
            "memory" => vec![1u8; 1 << 30].len().to_string(),
            _ => how,
        }
    }
    fn environment(name: String) -> String { std::env::var(name).unwrap_or_default() }
    fn writes(path: String, text: String) -> bool { std::fs::write(path, text).is_ok() }
    fn reads(path: String) -> String { std::fs::read_to_string(path).unwrap_or_default() }
    fn random() -> Vec<u64> {
        use std::collections::hash_map::RandomState;
        use std::hash::{BuildHasher, Hasher};
        (0..4).map(|_| RandomState::new().build_hasher().finish()).collect()
    }
    fn times() -> Vec<u64> {
        use std::time::{Instant, SystemTime, UNIX_EPOCH};
        let began = Instant::now();
        let first = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
        let last = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
        vec![first, last, began.elapsed().as_nanos() as u64]
    }
    fn work(rounds: u64) -> u64 { (0..rounds).fold(1, |sum: u64, n| sum.wrapping_mul(6364136223846793005).wrapping_add(n)) }
}

fn reversed<T>(mut values: Vec<T>) -> Vec<T> {
    values.reverse();
    values
}

#[inline(never)]
fn recurse(depth: usize) -> usize {
    // What every level writes and reads keeps the compiler from turning this into a loop.
    let mut room = [0u8; 64];
    unsafe { std::ptr::write_volatile(&mut room[depth % 64], 1) };
    if depth == usize::MAX { 0 } else { recurse(depth + 1) + unsafe { std::ptr::read_volatile(&room[0]) } as usize }
}
