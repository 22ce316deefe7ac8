//! A small service to copy from: text, numbers, bytes, a log line and something that stays.

mod sha256;

use std::fs::OpenOptions;
use std::io::Write;

/// The service's own folder. It outlives calls, restarts and updates.
const VISITS: &str = "/storage/visits";

guest::export! {
    /// Greets somebody.
    pub fn greeting(name: String) -> String {
        guest::info!("greeting {}", name);
        if cfg!(feature = "v2") {
            format!("Hello, {}! Nice to see you.", name)
        } else {
            format!("Hi, {}", name)
        }
    }

    /// Adds two numbers, or stops at the largest.
    pub fn add(a: u64, b: u64) -> u64 {
        a.saturating_add(b)
    }

    /// Returns the SHA-256 of the bytes.
    pub fn digest(data: Vec<u8>) -> Vec<u8> {
        sha256::digest(&data).to_vec()
    }

    /// Counts a visit and returns how many there were. Each visit is one byte at the end of a file,
    /// so workers that run at the same time do not lose one.
    pub fn visit() -> u64 {
        let mut file = OpenOptions::new().create(true).append(true).open(VISITS).expect("storage can be written");
        file.write_all(b".").expect("storage has room");
        file.metadata().expect("the file is there").len()
    }

    /// Says that all is well; the peer asks before it serves a new version.
    pub fn health() -> bool {
        true
    }
}
