//! The control socket: hello, requests in, answers out, a thread for each request.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use mpws_peers::protocol::{Hello, MAX_LINE, PROTOCOL, Request, Response};
use serde::Serialize;

use crate::adapter::Adapter;
use crate::{Failure, Library};

/// Is the peer: serves the suite until it hangs up. Returns the exit code of the process: 0, or 1 with a line on standard
/// error.
pub fn run<L: Library>(library: L) -> i32 {
    match serve(library) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("{}: {error}", L::NAME);
            1
        }
    }
}

fn serve<L: Library>(library: L) -> io::Result<()> {
    let path = std::env::var_os("MPWS_CONTROL")
        .ok_or_else(|| io::Error::other("MPWS_CONTROL is not set"))?;
    let control = UnixStream::connect(path)?;
    let answers = Arc::new(Answers(Mutex::new(control.try_clone()?)));
    answers.write(&Hello {
        protocol: PROTOCOL,
        name: L::NAME.to_owned(),
        version: L::VERSION.to_owned(),
        implementation: L::IMPLEMENTATION.to_owned(),
        runtime: concat!("Rust >= ", env!("CARGO_PKG_RUST_VERSION")).to_owned(),
        libc: mpws_peers::fixture::libc_version(),
    })?;
    let adapter = Arc::new(Adapter::new(library));
    let mut control = BufReader::new(control);
    let mut line = Vec::new();
    loop {
        line.clear();
        let limit = MAX_LINE as u64 + 1;
        control.by_ref().take(limit).read_until(b'\n', &mut line)?;
        if line.len() > MAX_LINE {
            return Err(io::Error::other("a line longer than a line may be"));
        }
        if line.last() != Some(&b'\n') {
            return Ok(());
        }
        let request: Request = serde_json::from_slice(&line)?;
        let (adapter, answers) = (Arc::clone(&adapter), Arc::clone(&answers));
        std::thread::spawn(move || answers.give(&adapter, request));
    }
}

/// The writing half.
struct Answers(Mutex<UnixStream>);

impl Answers {
    fn give<L: Library>(&self, adapter: &Adapter<L>, request: Request) {
        let start = Instant::now();
        let id = request.id;
        let handled = catch_unwind(AssertUnwindSafe(|| adapter.handle(request)));
        let handled = handled.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            Err(Failure::plain("mpws.Panic", text.unwrap_or("no message")))
        });
        let mut response = Response::begun(id, start);
        match handled {
            Ok(reply) => response.ok = Some(reply),
            Err(Failure::Error(record)) => response.error = Some(*record),
            Err(Failure::Unsupported(why)) => response.unsupported = Some(why),
        }
        if self.write(&response).is_err() {
            // The suite has gone, and the reader ends this process.
        }
    }

    fn write(&self, value: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(value)?;
        if line.len() >= MAX_LINE {
            return Err(io::Error::other("an answer longer than a line may be"));
        }
        line.push(b'\n');
        let mut control = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        control.write_all(&line)
    }
}
