//! What the benchmarks call. The hash is that of the greeting example.

#[path = "../../../../examples/greeting/src/sha256.rs"]
mod sha256;

guest::export! {
    /// Returns the SHA-256 of the bytes.
    pub fn digest(data: Vec<u8>) -> Vec<u8> {
        sha256::digest(&data).to_vec()
    }

    /// Greets somebody.
    pub fn greeting(name: String) -> String {
        format!("Hi, {}", name)
    }

    /// Says that all is well.
    pub fn health() -> bool {
        true
    }
}
