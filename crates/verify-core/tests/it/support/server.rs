//! A registry in this process: good, slow, truncated, oversized, redirecting and lying answers.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

#[derive(Clone)]
pub(crate) enum Answer {
    Good(Vec<u8>),
    Status(u16),
    /// So many times 503, then good.
    Flaky(u32, Vec<u8>),
    /// States a length and ends in the middle.
    Truncated(Vec<u8>),
    /// States a length and sends it, one byte a while.
    Slow(Vec<u8>),
    /// States this length and sends nothing of it.
    Claims(u64),
    /// Sends chunks without end.
    Endless,
    Redirect(String),
    /// Good, as soon as so many paths have been asked for.
    Together(usize, Vec<u8>),
    /// Nothing at all.
    Silent,
    /// Exactly these bytes, head and all.
    Raw(Vec<u8>),
    /// The same, one byte a while, also in the head.
    Drip(Vec<u8>),
    /// A file with an entity tag, of which a part can be asked for; an answer ends in the middle where it says so.
    Tagged {
        tag: String,
        body: Vec<u8>,
        cut: bool,
    },
}

#[derive(Default)]
struct State {
    answers: HashMap<String, Answer>,
    /// Path and `authorization` of every request.
    seen: Vec<(String, Option<String>)>,
    /// The first byte that was asked for, of every request that asked for a part.
    ranges: Vec<String>,
}

pub(crate) struct Server {
    pub(crate) address: String,
    state: Arc<Mutex<State>>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let address = listener.local_addr().expect("address").to_string();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                thread::spawn(move || {
                    // A client that hangs up early is part of the tests.
                    let _ = serve(stream, &state);
                });
            }
        });
        Self { address, state }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn set(&self, path: &str, answer: Answer) {
        self.state
            .lock()
            .expect("state")
            .answers
            .insert(path.to_owned(), answer);
    }

    pub(crate) fn seen(&self, path: &str) -> usize {
        self.state
            .lock()
            .expect("state")
            .seen
            .iter()
            .filter(|(p, _)| p == path)
            .count()
    }

    pub(crate) fn authorizations(&self) -> Vec<Option<String>> {
        self.state
            .lock()
            .expect("state")
            .seen
            .iter()
            .map(|(_, auth)| auth.clone())
            .collect()
    }

    pub(crate) fn ranges(&self) -> Vec<String> {
        self.state.lock().expect("state").ranges.clone()
    }

    pub(crate) fn forget(&self) {
        self.state.lock().expect("state").seen.clear();
    }
}

fn serve(mut stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut authorization = None;
    let mut headers: HashMap<String, String> = HashMap::new();
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("authorization: ") {
            authorization = Some(value.trim().to_owned());
        }
        if let Some((name, value)) = header.split_once(':') {
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    let answer = {
        let mut state = state.lock().expect("state");
        state.seen.push((path.clone(), authorization));
        state.ranges.extend(headers.get("range").cloned());
        let answer = state
            .answers
            .get(&path)
            .cloned()
            .unwrap_or(Answer::Status(404));
        if let Answer::Flaky(left, body) = &answer
            && *left > 0
        {
            let next = Answer::Flaky(left - 1, body.clone());
            state.answers.insert(path, next);
        }
        answer
    };
    let mut head = |status: &str, length: Option<u64>, more: &str| {
        let length = length.map_or_else(
            || "transfer-encoding: chunked\r\n".to_owned(),
            |l| format!("content-length: {l}\r\n"),
        );
        stream.write_all(
            format!("HTTP/1.1 {status}\r\n{length}{more}connection: close\r\n\r\n").as_bytes(),
        )
    };
    let length = |body: &[u8]| Some(body.len() as u64);
    match answer {
        Answer::Good(body) | Answer::Flaky(0, body) => {
            head("200 OK", length(&body), "")?;
            stream.write_all(&body)
        }
        Answer::Silent => gone(reader),
        Answer::Together(paths, body) => {
            while asked(state) < paths {
                thread::sleep(Duration::from_millis(5));
            }
            head("200 OK", length(&body), "")?;
            stream.write_all(&body)
        }
        Answer::Flaky(_, _) => head("503 Later", Some(0), ""),
        Answer::Status(code) => head(&format!("{code} X"), Some(0), ""),
        Answer::Redirect(to) => head("302 Found", Some(0), &format!("location: {to}\r\n")),
        Answer::Claims(size) => {
            head("200 OK", Some(size), "")?;
            gone(reader)
        }
        Answer::Truncated(body) => {
            head("200 OK", length(&body), "")?;
            stream.write_all(&body[..body.len() / 2])
        }
        Answer::Slow(body) => {
            head("200 OK", length(&body), "")?;
            drip(&mut stream, &body)
        }
        Answer::Tagged { tag, body, cut } => {
            let says = |name: &str| headers.get(name).is_some_and(|value| *value == tag);
            if says("if-none-match") {
                return head("304 Same", Some(0), "");
            }
            let from = headers.get("range").filter(|_| says("if-range"));
            let from = from.and_then(|range| {
                range
                    .strip_prefix("bytes=")?
                    .strip_suffix('-')?
                    .parse()
                    .ok()
            });
            let more = format!("etag: {tag}\r\n");
            let rest: &[u8] = match from {
                Some(from) if from >= body.len() => return head("416 Behind", Some(0), ""),
                Some(from) => {
                    let range = format!(
                        "{more}content-range: bytes {from}-{}/{}\r\n",
                        body.len() - 1,
                        body.len()
                    );
                    head("206 Part", Some((body.len() - from) as u64), &range)?;
                    &body[from..]
                }
                None => {
                    head("200 OK", length(&body), &more)?;
                    &body
                }
            };
            stream.write_all(if cut { &rest[..rest.len() / 2] } else { rest })
        }
        Answer::Raw(bytes) => stream.write_all(&bytes),
        Answer::Drip(bytes) => drip(&mut stream, &bytes),
        Answer::Endless => {
            head("200 OK", None, "")?;
            let chunk = [b"10000\r\n".as_slice(), &[b'x'; 0x10000], b"\r\n"].concat();
            loop {
                stream.write_all(&chunk)?;
            }
        }
    }
}

/// Waits until the client has hung up.
fn gone(mut reader: BufReader<TcpStream>) -> std::io::Result<()> {
    std::io::copy(&mut reader, &mut std::io::sink()).map(drop)
}

/// How many different paths have been asked for.
fn asked(state: &Mutex<State>) -> usize {
    let state = state.lock().expect("state");
    let paths: HashSet<&String> = state.seen.iter().map(|(path, _)| path).collect();
    paths.len()
}

/// So slowly that a client on a busy machine has lost its patience long before the end.
fn drip(stream: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    for byte in bytes {
        stream.write_all(&[*byte])?;
        stream.flush()?;
        thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}
