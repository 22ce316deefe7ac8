//! `export!`: from a Rust function to an export with the Marine ABI.

/// Exports functions to callers. Everything inside must be a `fn`, with or without `pub`.
#[macro_export]
macro_rules! export {
    () => {};
    (
        $(#[$attribute:meta])* $(pub)? fn $name:ident($($argument:ident: $kind:ident $(<$inner:ident>)?),* $(,)?)
            $(-> $output:ident $(<$output_inner:ident>)?)? $body:block
        $($rest:tt)*
    ) => {
        $(#[$attribute])*
        pub fn $name($($argument: $kind $(<$inner>)?),*) $(-> $output $(<$output_inner>)?)? $body

        const _: () = {
            const SIGNATURE: &str = concat!(
                stringify!($name), "(", $(stringify!($argument), ": ", stringify!($kind $(<$inner>)?), ",",)* ")",
                $(" -> ", stringify!($output $(<$output_inner>)?),)? "\n"
            );

            #[link_section = "wasmarket-signatures"]
            #[used]
            static SECTION: [u8; SIGNATURE.len()] = *$crate::export!(@bytes SIGNATURE);

            $crate::export!(@wrap $name [] [] [$($argument: $kind $(<$inner>)?,)*] [$($output $(<$output_inner>)?)?]);
        };

        $crate::export! { $($rest)* }
    };

    // A string constant as an array, which a section needs.
    (@bytes $text:ident) => {
        // SAFETY: a reference to the first of `len` bytes is one to an array of `len` bytes.
        unsafe { &*($text.as_ptr() as *const [u8; $text.len()]) }
    };

    // Arguments, one after the other. Each step makes names of its own (macro hygiene), so every
    // string gets its own pointer and length.
    (@wrap $name:ident [$($core:tt)*] [$($value:tt)*] [$argument:ident: String, $($more:tt)*] $output:tt) => {
        $crate::export!(@wrap $name [$($core)* pointer: *mut u8, size: usize,]
            [$($value)* $crate::abi::take_string(pointer, size),] [$($more)*] $output);
    };
    (@wrap $name:ident [$($core:tt)*] [$($value:tt)*] [$argument:ident: Vec<u8>, $($more:tt)*] $output:tt) => {
        $crate::export!(@wrap $name [$($core)* pointer: *mut u8, size: usize,]
            [$($value)* $crate::abi::take_bytes(pointer, size),] [$($more)*] $output);
    };
    (@wrap $name:ident [$($core:tt)*] [$($value:tt)*] [$argument:ident: $kind:ident, $($more:tt)*] $output:tt) => {
        $crate::export!(@wrap $name [$($core)* $argument: $kind,]
            [$($value)* $argument,] [$($more)*] $output);
    };

    // Results.
    (@wrap $name:ident [$($core:tt)*] [$($value:tt)*] [] []) => {
        #[export_name = stringify!($name)]
        pub unsafe extern "C" fn exported($($core)*) {
            $name($($value)*)
        }
    };
    (@wrap $name:ident [$($core:tt)*] [$($value:tt)*] [] [String]) => {
        #[export_name = stringify!($name)]
        pub unsafe extern "C" fn exported($($core)*) {
            $crate::abi::put_bytes($name($($value)*).into_bytes())
        }
    };
    (@wrap $name:ident [$($core:tt)*] [$($value:tt)*] [] [Vec<u8>]) => {
        #[export_name = stringify!($name)]
        pub unsafe extern "C" fn exported($($core)*) {
            $crate::abi::put_bytes($name($($value)*))
        }
    };
    (@wrap $name:ident [$($core:tt)*] [$($value:tt)*] [] [$output:ident]) => {
        #[export_name = stringify!($name)]
        pub unsafe extern "C" fn exported($($core)*) -> $output {
            $name($($value)*)
        }
    };
}
