//! Proxies one request over and over, for counting instructions: `instr_proxy SNAPSHOT COUNT`.
//!
//! `benches/callgrind.py` runs it with two counts; the difference is free of what the start costs. Client
//! and upstream are threads of the same process that do next to nothing, and count for next to nothing.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread;

use frontdesk_engine::Engine;
use serde_json::{Value, json};

const REQUEST: &[u8] = b"GET /api/users/42?expand=orders HTTP/1.1\r\n\
    Host: shop.example.com\r\n\
    User-Agent: client/1.0\r\n\
    Accept: application/json\r\n\r\n";

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\n\
    Server: example/1.0\r\n\
    Content-Type: application/json\r\n\
    Content-Length: 2\r\n\r\n{}";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [snapshot, count] = arguments.as_slice() else {
        return Err("usage: instr_proxy SNAPSHOT COUNT".into());
    };
    let count: u32 = count.parse()?;
    let upstream = TcpListener::bind("127.0.0.1:0")?;
    let snapshot = prepared(&std::fs::read(snapshot)?, upstream.local_addr()?.port())?;
    thread::spawn(move || answer_all(&upstream));

    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let engine = Arc::new(Engine::new(1)?);
    engine.apply(
        &snapshot,
        &std::collections::HashMap::new(),
        vec![("web".to_owned(), vec![OwnedFd::from(listener)])],
    )?;
    let serving = Arc::clone(&engine);
    let server = thread::spawn(move || serving.run());
    let result = ask(address, count);
    engine.stop();
    server.join().map_err(|_| "the engine panicked")??;
    result
}

/// The snapshot with the upstream's port, a silent log and no limit of requests on a connection.
fn prepared(snapshot: &[u8], port: u16) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut tree: Value = serde_json::from_slice(snapshot)?;
    let changes = [
        ("/services/0/targets/0/port", json!(port)),
        ("/observe/access_log/to", json!("off")),
        ("/listeners/0/limits/keepalive_requests", json!(i32::MAX)),
    ];
    for (place, value) in changes {
        *tree
            .pointer_mut(place)
            .ok_or_else(|| format!("the snapshot has no {place}"))? = value;
    }
    Ok(serde_json::to_vec(&tree)?)
}

fn answer_all(upstream: &TcpListener) {
    while let Ok((mut stream, _)) = upstream.accept() {
        let mut buffer = [0; 4096];
        while stream.read(&mut buffer).is_ok_and(|length| length > 0) {
            if stream.write_all(ANSWER).is_err() {
                break;
            }
        }
    }
}

fn ask(address: SocketAddr, count: u32) -> Result<(), Box<dyn Error>> {
    let mut stream = TcpStream::connect(address)?;
    let mut buffer = [0; 4096];
    for _ in 0..count {
        stream.write_all(REQUEST)?;
        let length = stream.read(&mut buffer)?;
        if !buffer[..length].starts_with(b"HTTP/1.1 200") || !buffer[..length].ends_with(b"{}") {
            return Err("an answer is not the upstream's in one piece".into());
        }
    }
    Ok(())
}
