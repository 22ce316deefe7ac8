//! A key-value store of the service at this peer, shared by its workers and kept across updates. The
//! app's manifest must list `effectors.kv`, and the peer must allow `kv`.

crate::record! {
    /// A value if `found`; or `error` says what went wrong.
    #[derive(Clone, Debug)]
    pub struct KvValue {
        pub error: String,
        pub found: bool,
        pub value: Vec<u8>,
    }

    /// Whether the value was the expected one and is the new one now.
    #[derive(Clone, Debug)]
    pub struct KvSwap {
        pub error: String,
        pub swapped: bool,
    }

    /// The number after the addition.
    #[derive(Clone, Debug)]
    pub struct KvNumber {
        pub error: String,
        pub number: i64,
    }

    /// Keys in order.
    #[derive(Clone, Debug)]
    pub struct KvKeys {
        pub error: String,
        pub keys: Vec<String>,
    }
}

crate::import! {
    /// Reads a value.
    "wasmarket:kv" fn get(key: String) -> KvValue;
    /// Sets a value; returns an error, empty if there is none.
    "wasmarket:kv" fn put(key: String, value: Vec<u8>) -> String;
    /// Removes a value; returns an error, empty if there is none.
    "wasmarket:kv" fn delete(key: String) -> String;
    /// Sets a value if the present one is `expected`, or if there is none and not `had`.
    "wasmarket:kv" fn swap(key: String, had: bool, expected: Vec<u8>, value: Vec<u8>) -> KvSwap;
    /// Adds to a number, 0 if there is none, in one step.
    "wasmarket:kv" fn add(key: String, by: i64) -> KvNumber;
    /// Lists at most `limit` keys (0: 1,000) that begin with `prefix` and come behind `after`.
    "wasmarket:kv" fn list(prefix: String, after: String, limit: u32) -> KvKeys;
}
