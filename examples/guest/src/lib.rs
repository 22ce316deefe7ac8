//! Write functions for Wasmarket in plain Rust: no dependencies, no code generator.
//!
//! ```ignore
//! guest::export! {
//!     pub fn greeting(name: String) -> String {
//!         format!("Hi, {}", name)
//!     }
//! }
//! ```
//!
//! Arguments and results may be `String`, `Vec<u8>`, `bool`, `u8` to `u64`, `i8` to `i64`, `f32` and
//! `f64`. The macro exports each function with the Marine ABI and leaves its signature in a custom
//! section, from which the build script makes the module's typed interface.

pub mod abi;
pub mod log;

mod export;
