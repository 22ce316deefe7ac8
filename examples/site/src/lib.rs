//! A guest book, and with it all that a site does: pages, a form, a redirect, a cookie, JSON for
//! pages of other origins, bytes of any size, and its own 404.

mod http;

use http::{escape, field, Request, Response};
use std::fs::{read_to_string, OpenOptions};
use std::io::Write;

/// The notes, one a line. The file outlives calls, restarts and updates.
const NOTES: &str = "/storage/notes";
const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "body { font-family: sans-serif; margin: 2rem auto; max-width: 40rem }\n";

guest::export! {
    /// Answers an HTTP request: a message in, a message out.
    pub fn answer(request: Vec<u8>) -> Vec<u8> {
        let response = match Request::read(&request) {
            Some(request) => route(&request),
            None => Response::new(400).body("text/plain", "not an HTTP request\n"),
        };
        response.write()
    }

    /// Says that all is well; the peer asks before it serves a new version.
    pub fn health() -> bool {
        true
    }
}

fn route(request: &Request) -> Response {
    match (request.method, request.path) {
        ("GET" | "HEAD", "/") => page(request),
        ("GET" | "HEAD", "/style.css") => {
            Response::new(200).header("cache-control", "max-age=3600").body("text/css", STYLE)
        }
        ("POST", "/notes") => write_note(request),
        ("GET", "/notes.json") => {
            let items: Vec<String> = notes().lines().map(|note| format!("{:?}", note)).collect();
            let json = format!("[{}]\n", items.join(","));
            Response::new(200).header("access-control-allow-origin", "*").body("application/json", json)
        }
        ("OPTIONS", "/notes.json") => Response::new(204)
            .header("access-control-allow-origin", "*")
            .header("access-control-allow-methods", "GET"),
        ("PUT", "/echo") => Response::new(200).body("application/octet-stream", request.body),
        (_, "/" | "/style.css" | "/notes" | "/notes.json" | "/echo") => {
            Response::new(405).body("text/plain", "not this way\n")
        }
        _ => Response::new(404).body(HTML, "<h1>There is no such page</h1>\n"),
    }
}

fn page(request: &Request) -> Response {
    let name = field(request.query, "name")
        .or_else(|| request.cookie("name").map(str::to_string))
        .unwrap_or_else(|| "stranger".to_string());
    let items: String = notes().lines().map(|note| format!("<li>{}</li>\n", escape(note))).collect();
    // Links are relative, so that the site works under any prefix.
    let text = format!(
        "<!doctype html>\n<title>Guest book</title>\n<link rel=\"stylesheet\" href=\"style.css\">\n\
         <h1>Hello, {}</h1>\n<ul>\n{}</ul>\n\
         <form method=\"post\" action=\"notes\"><input name=\"note\"><input name=\"by\"><button>Write</button></form>\n",
        escape(&name),
        items
    );
    Response::new(200).body(HTML, text)
}

fn write_note(request: &Request) -> Response {
    let form = String::from_utf8_lossy(request.body);
    let note = match field(&form, "note") {
        Some(note) if !note.trim().is_empty() => note.replace(['\r', '\n'], " "),
        _ => return Response::new(422).body("text/plain", "write something\n"),
    };
    let mut file = OpenOptions::new().create(true).append(true).open(NOTES).expect("storage can be written");
    writeln!(file, "{}", note).expect("storage has room");
    guest::info!("a note of {} bytes", note.len());
    let by = field(&form, "by").unwrap_or_default();
    let cookie = format!("name={}; Path=/; HttpOnly; SameSite=Lax", by.replace(|c: char| !c.is_ascii_alphanumeric(), ""));
    let prefix = request.header("x-forwarded-prefix").unwrap_or("");
    Response::new(303).header("location", &format!("{}/", prefix)).header("set-cookie", &cookie)
}

fn notes() -> String {
    read_to_string(NOTES).unwrap_or_default()
}
