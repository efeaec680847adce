//! Runs a program of the host with a deadline: the interpreter, pip, uv.

use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

pub(super) enum RunError {
    /// It cannot be started.
    Start(std::io::Error),
    /// It did not end, and was killed.
    Slow,
}

/// Runs it to its end, without standard input.
pub(super) fn run(command: &mut Command, deadline: Duration) -> Result<Output, RunError> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn().map_err(RunError::Start)?;
    let pid = Pid::from_raw(child.id().cast_signed());
    let (done, ended) = mpsc::channel();
    let waiter = std::thread::spawn(move || {
        let _ = done.send(child.wait_with_output());
    });
    match ended.recv_timeout(deadline) {
        Ok(output) => {
            let _ = waiter.join();
            output.map_err(RunError::Start)
        }
        Err(_) => {
            // Its waiter has not come back, so this number is still its own.
            let _ = kill(pid, Signal::SIGKILL);
            Err(RunError::Slow)
        }
    }
}

/// The last lines that it wrote, for a message.
pub(super) fn last_words(output: &Output) -> String {
    const LONGEST: usize = 1500;
    let text = if output.stderr.trim_ascii().is_empty() {
        &output.stdout
    } else {
        &output.stderr
    };
    let text = text.trim_ascii();
    String::from_utf8_lossy(&text[text.len().saturating_sub(LONGEST)..]).into_owned()
}
