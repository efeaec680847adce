//! What a container writes, while it runs and to its end.
//!
//! The engine keeps a bounded log and lets clients follow it. An engine that turns its log files
//! faster than it hands them over leaves pieces out, and may leave out the end (seen with Docker
//! Engine 20.10). The end tells why a peer died, so it is read once more from the log of the
//! container that has ended.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use bollard::Docker;
use bollard::query_parameters::LogsOptionsBuilder;
use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::client::{ANSWER, Engine, runtime};
use super::error::EngineError;

/// How long the engine may take, after a container's end, to hand over what it has not yet handed
/// over.
const LAST_OUTPUT: Duration = Duration::from_secs(5);

/// Entries of the log that are read again: of a line each, or 16 KiB of a longer one.
const LAST_ENTRIES: &str = "8";

/// Bytes that must be alike for an end to be the same.
const COMPARED: usize = 4096;

const LOST: &str = "\n[the container engine lost what stood here]\n";

/// Copies the output of a container.
#[derive(Debug)]
pub(super) struct Output {
    copy: JoinHandle<()>,
    ended: oneshot::Sender<()>,
}

impl Output {
    /// Copies to `sink` until the container ends.
    pub(super) fn follow(engine: &Engine, id: &str, sink: OwnedFd) -> Result<Self, EngineError> {
        let runtime = runtime()?;
        let _entered = runtime.enter();
        let mut sink = pipe::Sender::from_owned_fd(sink).map_err(EngineError::Threads)?;
        let (docker, id) = (engine.docker().clone(), id.to_owned());
        let (ended, at_end) = oneshot::channel();
        let copy = runtime.spawn(async move {
            // An error here is that nobody reads any more.
            let _ = copy(&docker, &id, at_end, &mut sink).await;
        });
        Ok(Self { copy, ended })
    }

    /// To be called when the container has ended: waits until all its output has been copied, or
    /// its end has.
    pub(super) fn finish(self, engine: &Engine) {
        // A copy that is through already needs no word.
        let _ = self.ended.send(());
        // The copy has limits of its own; what has come until now is kept in any case.
        let _ = engine.ask("hand over the output", LAST_OUTPUT + ANSWER, |_| self.copy);
    }
}

async fn copy(
    docker: &Docker,
    id: &str,
    mut at_end: oneshot::Receiver<()>,
    sink: &mut pipe::Sender,
) -> io::Result<()> {
    let mut copied = End::default();
    let mut pieces = docker.logs(id, Some(log().follow(true).build()));
    let mut ended = false;
    loop {
        let piece = if ended {
            // Somebody may hold the container's output open.
            timeout(LAST_OUTPUT, pieces.next()).await.ok().flatten()
        } else {
            tokio::select! {
                piece = pieces.next() => piece,
                // Also when nobody waits for the end any more.
                _ = &mut at_end => {
                    ended = true;
                    continue;
                }
            }
        };
        let Some(Ok(piece)) = piece else {
            break;
        };
        sink.write_all(piece.as_ref()).await?;
        copied.push(piece.as_ref());
    }
    if !ended {
        let _ = at_end.await;
    }
    let mut last = Vec::new();
    let mut pieces = docker.logs(id, Some(log().tail(LAST_ENTRIES).build()));
    while let Ok(Some(Ok(piece))) = timeout(LAST_OUTPUT, pieces.next()).await {
        last.extend_from_slice(piece.as_ref());
    }
    if !copied.is_that_of(&last) {
        sink.write_all(LOST.as_bytes()).await?;
        sink.write_all(&last).await?;
    }
    Ok(())
}

fn log() -> LogsOptionsBuilder {
    LogsOptionsBuilder::new().stdout(true).stderr(true)
}

/// The last bytes of what was copied.
#[derive(Debug, Default)]
struct End(VecDeque<u8>);

impl End {
    fn push(&mut self, piece: &[u8]) {
        self.0.extend(piece);
        let excess = self.0.len().saturating_sub(COMPARED);
        self.0.drain(..excess);
    }

    /// Whether the end of `text` was copied.
    fn is_that_of(&self, text: &[u8]) -> bool {
        let compared = text.len().min(COMPARED);
        let copied = self.0.iter().rev().take(compared);
        copied.eq(text.iter().rev().take(compared))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end_of(pieces: &[&[u8]]) -> End {
        let mut end = End::default();
        for piece in pieces {
            end.push(piece);
        }
        end
    }

    #[test]
    fn an_end_that_was_copied_is_known_however_it_came() {
        let end = end_of(&[b"farewell", b"\n", b"the end\n"]);
        assert!(end.is_that_of(b"farewell\nthe end\n"));
        assert!(end.is_that_of(b"the end\n"));
        assert!(end.is_that_of(b""));
    }

    #[test]
    fn an_end_that_was_not_copied_is_missed() {
        assert!(!end_of(&[]).is_that_of(b"the end\n"));
        assert!(!end_of(&[b"xxxxxxxxxxxxxxxx"]).is_that_of(b"the end\n"));
        assert!(!end_of(&[b"end\n"]).is_that_of(b"the end\n"));
    }

    #[test]
    fn only_the_last_bytes_are_kept_and_compared() {
        let long = vec![b'x'; 3 * COMPARED];
        let end = end_of(&[&long, b"the end\n"]);
        assert_eq!(end.0.len(), COMPARED);
        let mut text = long;
        text.extend_from_slice(b"the end\n");
        assert!(end.is_that_of(&text));
    }
}
