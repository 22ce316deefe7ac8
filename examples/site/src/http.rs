//! HTTP messages as a site's function takes and gives them: a head of lines that end in CR LF, an
//! empty line, the body. There is nothing about connections in them and no length: the body is the
//! rest.

use std::fmt::Write;

/// A request.
pub struct Request<'a> {
    pub method: &'a str,
    /// As the caller wrote it, from where the site begins: `/notes`.
    pub path: &'a str,
    pub query: &'a str,
    headers: Vec<(&'a str, &'a str)>,
    pub body: &'a [u8],
}

impl<'a> Request<'a> {
    /// Reads a message; `None` if it is not one.
    pub fn read(message: &'a [u8]) -> Option<Self> {
        let end = message.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&message[..end]).ok()?;
        let mut lines = head.split("\r\n");
        let mut first = lines.next()?.split(' ');
        let (method, target) = (first.next()?, first.next()?);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let headers = lines.filter_map(|line| line.split_once(": ")).collect();
        Some(Request { method, path, query, headers, body: &message[end + 4..] })
    }

    /// Returns the first header of a lower-case name.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// Returns a cookie.
    pub fn cookie(&self, name: &str) -> Option<&'a str> {
        let pairs = self.header("cookie")?.split("; ");
        pairs.filter_map(|pair| pair.split_once('=')).find(|(known, _)| *known == name).map(|(_, value)| value)
    }
}

/// An answer.
pub struct Response {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Response {
    /// Begins an answer without headers or body.
    pub fn new(status: u16) -> Self {
        Response { status, head: String::new(), body: Vec::new() }
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        write!(self.head, "{}: {}\r\n", name, value).expect("a string takes everything");
        self
    }

    /// Sets the body and says what it is.
    pub fn body(mut self, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("content-type", kind)
    }

    /// Writes the message.
    pub fn write(self) -> Vec<u8> {
        let mut message = format!("HTTP/1.1 {} -\r\n{}\r\n", self.status, self.head).into_bytes();
        message.extend(self.body);
        message
    }
}

/// Returns a field of a query or a form.
pub fn field(pairs: &str, name: &str) -> Option<String> {
    let found = pairs.split('&').filter_map(|pair| pair.split_once('=')).find(|(known, _)| *known == name);
    found.map(|(_, value)| decode(value))
}

/// Makes text safe to stand in a page.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Undoes percent encoding; `+` is a space.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|pair| std::str::from_utf8(pair).ok());
        match (bytes[at], hex.and_then(|pair| u8::from_str_radix(pair, 16).ok())) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 2;
            }
            (b'+', _) => out.push(b' '),
            (byte, _) => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}
