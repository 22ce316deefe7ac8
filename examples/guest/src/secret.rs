//! Secrets of the deal. The app's manifest must list their names in `effectors.secret`, and the peer must
//! allow `secret`.

crate::record! {
    /// A secret's value; or `error` says why it cannot be read.
    #[derive(Clone, Debug)]
    pub struct SecretValue {
        pub error: String,
        pub value: Vec<u8>,
    }
}

crate::import! {
    /// Reads a value that the developer sealed to this peer.
    "wasmarket:secret" fn get(name: String) -> SecretValue;
}
