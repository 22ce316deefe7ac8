//! A function that needs more than its input: a page from elsewhere, content by CID, and a memory.

guest::record! {
    /// What was found at a URL.
    pub struct Page {
        pub status: u32,
        pub kind: String,
        pub text: String,
        /// Why there is nothing; empty if there is.
        pub error: String,
        /// How often this URL was asked for here.
        pub visits: i64,
    }
}

guest::export! {
    /// Gets a URL of one of the hosts that `app.toml` names, and counts it.
    pub fn fetch(url: String) -> Page {
        let answer = guest::http::get(&url);
        let kind = answer.headers.iter().find(|header| header.name == "content-type");
        Page {
            status: answer.status,
            kind: kind.map(|header| header.value.clone()).unwrap_or_default(),
            text: String::from_utf8_lossy(&answer.body).into_owned(),
            visits: guest::kv::add(format!("visits/{}", url), 1).number,
            error: answer.error,
        }
    }

    /// Keeps a value under a name; returns why not, empty if it did.
    pub fn remember(name: String, value: String) -> String {
        guest::kv::put(format!("note/{}", name), value.into_bytes())
    }

    /// Returns what was kept under a name, empty if nothing was.
    pub fn recall(name: String) -> String {
        String::from_utf8_lossy(&guest::kv::get(format!("note/{}", name)).value).into_owned()
    }

    /// Keeps a text at this peer and returns its CID.
    pub fn publish(text: String) -> String {
        let kept = guest::ipfs::put(text.into_bytes());
        if kept.error.is_empty() { kept.cid } else { kept.error }
    }

    /// Reads a text by its CID.
    pub fn read(cid: String) -> String {
        let found = guest::ipfs::get(cid);
        if found.error.is_empty() { String::from_utf8_lossy(&found.data).into_owned() } else { found.error }
    }

    /// Says that all is well; the peer asks before it serves a new version.
    pub fn health() -> bool {
        true
    }
}
