//! The control loop for programs that block: a thread for each request.

use std::io::{self, BufRead, BufReader, Read as _, Write};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Instant;

use serde::Serialize;

use crate::adapter::Adapter;
use crate::message::{CONTROL, Request, Response};
use crate::serving::{self, Read, RunError, ServeError, panicked};

/// Is the peer: connects to `$MPWS_CONTROL` and serves there until the suite closes it.
///
/// # Errors
///
/// [`RunError`]: when the suite is not told, cannot be reached, or breaks the protocol.
pub fn run(adapter: impl Adapter) -> Result<(), RunError> {
    let path = std::env::var_os(CONTROL).ok_or(RunError::NoControl)?;
    let control = UnixStream::connect(path).map_err(RunError::Connect)?;
    Ok(serve(adapter, control)?)
}

/// Says hello, answers requests, returns when the suite closes the socket. Threads that still work
/// on requests then go on; their answers are thrown away.
///
/// # Errors
///
/// [`ServeError`]: when the socket fails, or the suite breaks the protocol.
pub fn serve(adapter: impl Adapter, control: UnixStream) -> Result<(), ServeError> {
    let adapter = Arc::new(adapter);
    let answers = Arc::new(Answers(Mutex::new(control.try_clone()?)));
    answers.write(&adapter.hello())?;
    let mut control = BufReader::new(control);
    let mut line = Vec::new();
    loop {
        line.clear();
        control
            .by_ref()
            .take(serving::LIMIT)
            .read_until(b'\n', &mut line)?;
        let request = match serving::read(&line)? {
            Read::Request(request) => request,
            Read::Refused(response) => {
                answers.write(&response)?;
                continue;
            }
            Read::End => return Ok(()),
        };
        let (adapter, answers) = (Arc::clone(&adapter), Arc::clone(&answers));
        std::thread::spawn(move || {
            if answers.write(&guarded(&*adapter, request)).is_err() {
                // The suite has gone, and the reader ends this process.
            }
        });
    }
}

/// The writing half.
struct Answers(Mutex<UnixStream>);

impl Answers {
    fn write(&self, value: &impl Serialize) -> io::Result<()> {
        let line = serving::line(value)?;
        let mut control = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        control.write_all(&line)
    }
}

fn guarded(adapter: &impl Adapter, request: Request) -> Response {
    let start = Instant::now();
    let (id, op) = (request.id, request.op.clone());
    match catch_unwind(AssertUnwindSafe(|| finish(adapter.handle(request)))) {
        Ok(response) => response,
        Err(panic) => Response::new(id, start, Err(panicked(&op, &*panic))),
    }
}

/// Carries out what an adapter's method returned. One that blocks is over after one round.
fn finish<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(done) => return done,
            Poll::Pending => std::thread::park(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_woken_by_another_thread_is_finished() {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let other = std::thread::spawn(move || sender.send(7));
        assert_eq!(finish(receiver), Ok(7));
        assert_eq!(other.join().expect("no panic"), Ok(()));
    }
}
