//! `export!`, `import!` and `record!`: from Rust functions and structs to the Marine ABI.

/// Exports functions to callers. Everything inside must be a `fn`, with or without `pub`.
#[macro_export]
macro_rules! export {
    () => {};
    (
        $(#[$attribute:meta])* $(pub)? fn $name:ident($($argument:ident: $kind:ty),* $(,)?)
        $(-> $output:ty)? $body:block
        $($rest:tt)*
    ) => {
        $(#[$attribute])*
        pub fn $name($($argument: $kind),*) $(-> $output)? $body

        const _: () = {
            $crate::signature!(stringify!($name), "(", $(stringify!($argument), ": ", stringify!($kind), ",",)* ")"
                $(, " -> ", stringify!($output))?);

            $crate::export!(@wrap $name [] [] [$($argument: $kind,)*] [$($output)?]);
        };

        $crate::export! { $($rest)* }
    };

    // Arguments, one after the other. Each step makes names of its own (macro hygiene), so every
    // argument gets its own two parts. For a number the second part is nothing at all.
    (@wrap $name:ident [$($core:tt)*] [$($value:tt)*] [$argument:ident: $kind:ty, $($more:tt)*] $output:tt) => {
        $crate::export!(@wrap $name
            [$($core)* first: <$kind as $crate::Value>::First, second: <$kind as $crate::Value>::Second,]
            [$($value)* <$kind as $crate::Value>::take(first, second),] [$($more)*] $output);
    };
    (@wrap $name:ident [$($core:tt)*] [$($value:tt)*] [] []) => {
        $crate::export!(@wrap $name [$($core)*] [$($value)*] [] [()]);
    };
    (@wrap $name:ident [$($core:tt)*] [$($value:tt)*] [] [$output:ty]) => {
        #[export_name = stringify!($name)]
        #[allow(clippy::missing_safety_doc, improper_ctypes_definitions)]
        pub unsafe extern "C" fn exported($($core)*) -> <$output as $crate::Value>::Direct {
            $crate::Value::give($name($($value)*))
        }
    };
}

/// Imports functions of another module of the service, of an effector, or a mounted binary.
///
/// ```ignore
/// guest::import! {
///     "other" fn twice(text: String) -> String;
/// }
/// ```
#[macro_export]
macro_rules! import {
    () => {};
    (
        $(#[$attribute:meta])* $module:literal fn $name:ident($($argument:ident: $kind:ty),* $(,)?)
        $(-> $output:ty)?;
        $($rest:tt)*
    ) => {
        $(#[$attribute])*
        pub fn $name($($argument: $kind),*) $(-> $output)? {
            const _: () = {
                $crate::signature!("import ", $module, " ", stringify!($name), "(",
                    $(stringify!($argument), ": ", stringify!($kind), ",",)* ")" $(, " -> ", stringify!($output))?);
            };
            $crate::import!(@call $module $name [] [] [$($argument: $kind,)*] [$($output)?])
        }

        $crate::import! { $($rest)* }
    };

    (@call $module:literal $name:ident [$($core:tt)*] [$($value:tt)*] [$argument:ident: $kind:ty, $($more:tt)*] $output:tt) => {{
        let (given, rest) = <$kind as $crate::Value>::hand($argument);
        $crate::import!(@call $module $name
            [$($core)* first: <$kind as $crate::Value>::First, second: <$kind as $crate::Value>::Second,]
            [$($value)* given, rest,] [$($more)*] $output)
    }};
    (@call $module:literal $name:ident [$($core:tt)*] [$($value:tt)*] [] []) => {
        $crate::import!(@call $module $name [$($core)*] [$($value)*] [] [()])
    };
    (@call $module:literal $name:ident [$($core:tt)*] [$($value:tt)*] [] [$output:ty]) => {{
        #[link(wasm_import_module = $module)]
        extern "C" {
            #[link_name = stringify!($name)]
            #[allow(improper_ctypes)]
            fn imported($($core)*) -> <$output as $crate::Value>::Direct;
        }
        // SAFETY: the host checks the types of an import before it runs anything.
        unsafe { <$output as $crate::Value>::receive(imported($($value)*)) }
    }};
}

/// Defines a record: a struct that functions may take and give, alone, in arrays and in records.
#[macro_export]
macro_rules! record {
    () => {};
    (
        $(#[$attribute:meta])* $scope:vis struct $name:ident { $($(#[$note:meta])* $visible:vis $field:ident: $kind:ty),* $(,)? }
        $($rest:tt)*
    ) => {
        $(#[$attribute])*
        $scope struct $name { $($(#[$note])* $visible $field: $kind),* }

        const _: () = {
            $crate::signature!("record ", stringify!($name), " {", $(stringify!($field), ": ", stringify!($kind), ",",)* "}");

            impl $name {
                const BYTES: usize = 0 $(+ <$kind as $crate::Value>::SIZE)*;

                fn to_bytes(self) -> Vec<u8> {
                    let mut out = Vec::with_capacity(Self::BYTES);
                    $($crate::Value::store(self.$field, &mut out);)*
                    out
                }

                unsafe fn from_bytes(pointer: *mut u8) -> Self {
                    let bytes = $crate::abi::take_bytes(pointer, Self::BYTES);
                    let mut at = bytes.as_ptr();
                    $(
                        let $field = <$kind as $crate::Value>::load(at);
                        at = at.add(<$kind as $crate::Value>::SIZE);
                    )*
                    let _ = at;
                    $name { $($field),* }
                }
            }

            impl $crate::Value for $name {
                const SIZE: usize = 4;
                type First = *mut u8;
                type Second = ();
                type Direct = ();
                unsafe fn take(first: *mut u8, _: ()) -> Self { Self::from_bytes(first) }
                fn hand(self) -> (*mut u8, ()) { ($crate::abi::keep(self.to_bytes()), ()) }
                fn give(self) { $crate::abi::set_result_ptr(self.hand().0 as usize) }
                unsafe fn receive(_: ()) -> Self { Self::from_bytes($crate::abi::get_result_ptr() as *mut u8) }
                fn store(self, out: &mut Vec<u8>) { (self.hand().0 as u32).store(out) }
                unsafe fn load(at: *const u8) -> Self { Self::from_bytes(u32::load(at) as *mut u8) }
            }
        };

        $crate::record! { $($rest)* }
    };
}

/// Leaves a line in the section from which the build makes the module's typed interface.
#[macro_export]
#[doc(hidden)]
macro_rules! signature {
    ($($part:expr),* $(,)?) => {
        const SIGNATURE: &str = concat!($($part,)* "\n");

        #[link_section = "wasmarket-signatures"]
        #[used]
        // SAFETY: a reference to the first of `len` bytes is one to an array of `len` bytes.
        static SECTION: [u8; SIGNATURE.len()] = unsafe { *(SIGNATURE.as_ptr() as *const [u8; SIGNATURE.len()]) };
    };
}
