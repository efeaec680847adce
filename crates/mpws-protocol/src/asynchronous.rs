//! The control loop for programs on tokio: a task for each request.

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::adapter::Adapter;
use crate::message::{CONTROL, Request, Response};
use crate::serving::{self, Read, RunError, ServeError, panicked};

/// Is the peer: connects to `$MPWS_CONTROL` and serves there until the suite closes it.
///
/// # Errors
///
/// [`RunError`]: when the suite is not told, cannot be reached, or breaks the protocol.
pub fn run(adapter: impl Adapter, runtime: Runtime) -> Result<(), RunError> {
    let path = std::env::var_os(CONTROL).ok_or(RunError::NoControl)?;
    let served = runtime.block_on(async {
        let control = UnixStream::connect(path).await.map_err(RunError::Connect)?;
        Ok(serve(adapter, control).await?)
    });
    // A blocking call that nobody waits for any more must not hold the process.
    runtime.shutdown_background();
    served
}

/// Says hello, answers requests, returns when the suite closes the socket. Requests that are not
/// answered by then are dropped.
///
/// # Errors
///
/// [`ServeError`]: when the socket fails, or the suite breaks the protocol.
pub async fn serve(adapter: impl Adapter, control: UnixStream) -> Result<(), ServeError> {
    let adapter = Arc::new(adapter);
    let (read, mut write) = control.into_split();
    write_line(&mut write, &adapter.hello()).await?;
    let (answers, mut queue) = mpsc::channel::<Response>(64);
    let writer = async move {
        while let Some(answer) = queue.recv().await {
            write_line(&mut write, &answer).await?;
        }
        Ok::<_, io::Error>(())
    };
    let reader = async move {
        let mut read = BufReader::new(read);
        let mut tasks = JoinSet::new();
        let mut line = Vec::new();
        loop {
            while tasks.try_join_next().is_some() {}
            line.clear();
            let mut bounded = (&mut read).take(serving::LIMIT);
            bounded.read_until(b'\n', &mut line).await?;
            let request = match serving::read(&line)? {
                Read::Request(request) => request,
                Read::Refused(response) => {
                    // The writer ends only with an error, which ends this, too.
                    let _ = answers.send(response).await;
                    continue;
                }
                Read::End => return Ok(()),
            };
            let adapter = Arc::clone(&adapter);
            let answers = answers.clone();
            tasks.spawn(async move {
                let answer = guarded(&*adapter, request).await;
                let _ = answers.send(answer).await;
            });
        }
    };
    tokio::select! {
        read = reader => read,
        Err(error) = writer => Err(error.into()),
    }
}

async fn guarded(adapter: &impl Adapter, request: Request) -> Response {
    let start = Instant::now();
    let (id, op) = (request.id, request.op.clone());
    let handled = AssertUnwindSafe(adapter.handle(request)).catch_unwind();
    match handled.await {
        Ok(response) => response,
        Err(panic) => Response::new(id, start, Err(panicked(&op, &*panic))),
    }
}

async fn write_line(write: &mut OwnedWriteHalf, value: &impl serde::Serialize) -> io::Result<()> {
    write.write_all(&serving::line(value)?).await
}
