//! Outbound HTTP. The app's manifest must list `effectors.http.hosts`, and the peer must allow `http`.

crate::record! {
    /// One line of a head.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Header {
        pub name: String,
        pub value: String,
    }

    /// `timeout_ms` 0: as long as the call has time. `redirects`: how many are followed, at most 5.
    #[derive(Clone, Debug)]
    pub struct HttpRequest {
        pub method: String,
        pub url: String,
        pub headers: Vec<Header>,
        pub body: Vec<u8>,
        pub timeout_ms: u32,
        pub redirects: u32,
    }

    /// An answer, whatever its status; or `error` says why there is none, and all else is empty.
    #[derive(Clone, Debug)]
    pub struct HttpResponse {
        pub error: String,
        pub status: u32,
        pub url: String,
        pub headers: Vec<Header>,
        pub body: Vec<u8>,
    }
}

crate::import! {
    /// Sends a request and waits for the answer.
    "wasmarket:http" fn request(request: HttpRequest) -> HttpResponse;
}

/// Gets a URL, following redirects.
pub fn get(url: &str) -> HttpResponse {
    request(HttpRequest {
        method: "GET".into(),
        url: url.into(),
        headers: Vec::new(),
        body: Vec::new(),
        timeout_ms: 0,
        redirects: 5,
    })
}
