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
//! Arguments and results may be `String`, `bool`, `u8` to `u64`, `i8` to `i64`, `f32`, `f64`, records
//! (`guest::record!`) and `Vec` of any of these; `Vec<u8>` are bytes. The macros export each function
//! with the Marine ABI and leave its signature in a custom section, from which the build script makes
//! the module's typed interface. `guest::import!` calls other modules and effectors; for effectors
//! there are `guest::http`, `guest::ipfs`, `guest::kv` and `guest::secret`.

pub mod abi;
pub mod call;
pub mod http;
pub mod ipfs;
pub mod kv;
pub mod log;

mod export;
mod value;

pub use value::Value;

pub mod secret;
