//! A facade: calls another module with every shape of value, a mounted binary, effectors, the host.

use guest::call::CallParameters;
use guest::http::HttpResponse;

guest::record! {
    pub struct Address { pub street: String, pub lines: Vec<String>, pub place: Place }
    pub struct Place { pub east: f64, pub north: f64 }
    pub struct Person { pub name: String, pub age: u16, pub homes: Vec<Address>, pub photo: Vec<u8>, pub scores: Vec<Vec<i64>> }
    pub struct MountedBinaryResult { pub ret_code: i32, pub error: String, pub stdout: Vec<u8>, pub stderr: Vec<u8> }
    pub struct Visit { pub count: i64, pub previous: Vec<u8>, pub keys: Vec<String>, pub swapped: bool }
}

mod types {
    use super::Person;
    guest::import! {
        "types" fn of_bool(v: bool) -> bool;
        "types" fn of_i8(v: i8) -> i8;
        "types" fn of_u64(v: u64) -> u64;
        "types" fn of_f32(v: f32) -> f32;
        "types" fn of_string(v: String) -> String;
        "types" fn of_bytes(v: Vec<u8>) -> Vec<u8>;
        "types" fn deep(v: Vec<Vec<Vec<String>>>) -> Vec<Vec<Vec<String>>>;
        "types" fn older(person: Person) -> Person;
        "types" fn people(v: Vec<Person>) -> Vec<Person>;
        "types" fn nothing();
        "types" fn fails(how: String) -> String;
    }
}

mod host {
    use super::MountedBinaryResult;
    guest::import! {
        "host" fn curl(cmd: Vec<String>) -> MountedBinaryResult;
    }
}

guest::export! {
    fn scalars(a: bool, b: i8, c: u64, d: f32) -> String {
        format!("{} {} {} {}", types::of_bool(a), types::of_i8(b), types::of_u64(c), types::of_f32(d))
    }
    fn texts(a: String, b: Vec<u8>) -> String {
        types::nothing();
        format!("{} {:?}", types::of_string(a), types::of_bytes(b))
    }
    fn deep(v: Vec<Vec<Vec<String>>>) -> Vec<Vec<Vec<String>>> { types::deep(types::deep(v)) }
    fn much_older(person: Person, years: u32) -> Person { (0..years).fold(person, |older, _| types::older(older)) }
    fn people(v: Vec<Person>) -> Vec<Person> { types::people(v) }
    fn fails(how: String) -> String { types::fails(how) }
    fn parameters() -> CallParameters { guest::call::get_call_parameters() }
    fn curls(command: Vec<String>) -> MountedBinaryResult { host::curl(command) }
    fn fetches(url: String) -> HttpResponse { guest::http::get(&url) }
    fn visits(name: String) -> Visit {
        let count = guest::kv::add(format!("count/{}", name), 1).number;
        let before = guest::kv::get(name.clone());
        let swapped = guest::kv::swap(name, before.found, before.value.clone(), vec![count as u8]).swapped;
        Visit { count, previous: before.value, keys: guest::kv::list(String::new(), String::new(), 0).keys, swapped }
    }
    fn publishes(text: String) -> String {
        let cid = guest::ipfs::put(text.into_bytes()).cid;
        String::from_utf8(guest::ipfs::get(cid.clone()).data).unwrap() + " is " + &cid
    }
}
