//! Standard output that may be a closed pipe.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use crate::exit::Exit;
use crate::failure::Failure;

/// Prints lines; ends the command quietly when the reader of a pipe has gone, as `head` does.
#[derive(Debug, Default)]
pub struct Output {
    state: State,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Open,
    Gone,
    Broken(io::Error),
}

impl Output {
    /// Prints one line.
    pub fn line(&mut self, line: impl Display) {
        let _ = writeln!(self, "{line}");
    }

    /// The code of a command that printed all that it had to say.
    ///
    /// # Errors
    /// [`Exit::Internal`] when something could not be printed, other than for a reader who left.
    pub fn finish(mut self) -> Result<Exit, Failure> {
        let _ = self.flush();
        match self.state {
            State::Open | State::Gone => Ok(Exit::Green),
            State::Broken(error) => Err(Failure::of(
                Exit::Internal,
                "cannot write to standard output",
                &error,
            )),
        }
    }

    /// Whether anybody may still read.
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    fn note(&mut self, error: io::Error) {
        self.state = match error.kind() {
            io::ErrorKind::BrokenPipe => State::Gone,
            _ => State::Broken(error),
        };
    }
}

/// Never fails: what cannot be written is dropped and told by [`Output::finish`], so that a run
/// goes on to its result when its output has gone.
impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_open()
            && let Err(error) = io::stdout().lock().write_all(bytes)
        {
            self.note(error);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.is_open()
            && let Err(error) = io::stdout().lock().flush()
        {
            self.note(error);
        }
        Ok(())
    }
}

/// Columns of the terminal behind standard output, or a width that reads well in a log.
pub fn width() -> usize {
    if io::stdout().is_terminal() {
        console::Term::stdout()
            .size_checked()
            .map_or(LOG_WIDTH, |(_, columns)| columns.into())
    } else {
        LOG_WIDTH
    }
}

const LOG_WIDTH: usize = 120;
