//! Content by CID. The app's manifest must list `effectors.ipfs`, and the peer must allow `ipfs`.

crate::record! {
    /// A content; or `error` says why there is none.
    #[derive(Clone, Debug)]
    pub struct IpfsContent {
        pub error: String,
        pub data: Vec<u8>,
    }

    /// The id of a content; or `error` says why it was not kept.
    #[derive(Clone, Debug)]
    pub struct IpfsName {
        pub error: String,
        pub cid: String,
    }
}

crate::import! {
    /// Reads a file, from the peer's own store or the deal's sources.
    "wasmarket:ipfs" fn get(cid: String) -> IpfsContent;
    /// Keeps a file at this peer for as long as the service is there.
    "wasmarket:ipfs" fn put(data: Vec<u8>) -> IpfsName;
}
