//! As much HTTP as an example needs: a server on loopback, and a client for it.

use scheduler::Elastic;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

/// What the server says, and the client gets.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// Starts a server that gives `answer` the path of each request, on a thread for each connection. It lives as long as the
/// process.
pub(crate) fn serve(
    answer: impl Fn(&str) -> Answer + Send + Sync + 'static,
) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let threads = Elastic::builder().thread_name("connection").build().map_err(io::Error::other)?;
    let answer = Arc::new(answer);
    thread::Builder::new().name("server".to_owned()).spawn(move || {
        for stream in listener.incoming() {
            let answer = Arc::clone(&answer);
            let served = threads.submit(move || {
                // A client whose connection breaks sees it itself.
                stream.and_then(|stream| respond(&stream, &*answer))
            });
            drop(served);
        }
    })?;
    Ok(address)
}

fn respond(mut stream: &TcpStream, answer: impl Fn(&str) -> Answer) -> io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().ok_or(io::ErrorKind::UnexpectedEof)??;
    // The head ends with an empty line.
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let Answer { status, body } = answer(first.split(' ').nth(1).unwrap_or_default());
    let head = format!("HTTP/1.1 {status} -\r\nContent-Length: {}", body.len());
    write!(stream, "{head}\r\nConnection: close\r\n\r\n{body}")
}

/// Asks for a path.
pub(crate) fn get(server: SocketAddr, path: &str) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(server)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::InvalidData)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok(Answer { status: status.ok_or(io::ErrorKind::InvalidData)?, body: body.to_owned() })
}
