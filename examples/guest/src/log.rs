//! Lines for the service's log, which its developer can read.

#[link(wasm_import_module = "__marine_host_api_v1")]
extern "C" {
    fn log_utf8_string(level: i32, target: i32, pointer: *const u8, size: usize);
}

/// How important a line is.
#[derive(Clone, Copy)]
#[repr(i32)]
pub enum Level {
    Error = 1,
    Warn = 2,
    Info = 3,
    Debug = 4,
    Trace = 5,
}

/// Logs a line.
pub fn write(level: Level, line: &str) {
    write_target(level, 0, line)
}

/// Logs a line if the module's `logging_mask` has a bit of `target`; target 0 is always logged.
pub fn write_target(level: Level, target: i32, line: &str) {
    // SAFETY: the host only reads the range, and only during the call.
    unsafe { log_utf8_string(level as i32, target, line.as_ptr(), line.len()) }
}

/// Logs a formatted line at level info.
#[macro_export]
macro_rules! info {
    ($($part:tt)*) => { $crate::log::write($crate::log::Level::Info, &format!($($part)*)) };
}

/// Logs a formatted line at level warn.
#[macro_export]
macro_rules! warn {
    ($($part:tt)*) => { $crate::log::write($crate::log::Level::Warn, &format!($($part)*)) };
}

/// Logs a formatted line at level debug.
#[macro_export]
macro_rules! debug {
    ($($part:tt)*) => { $crate::log::write($crate::log::Level::Debug, &format!($($part)*)) };
}

/// Logs a formatted line at level trace.
#[macro_export]
macro_rules! trace {
    ($($part:tt)*) => { $crate::log::write($crate::log::Level::Trace, &format!($($part)*)) };
}

/// Logs a formatted line at level error.
#[macro_export]
macro_rules! error {
    ($($part:tt)*) => { $crate::log::write($crate::log::Level::Error, &format!($($part)*)) };
}
