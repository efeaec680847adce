//! What went wrong, why, and what to do next: the form in which every error reaches the terminal.

use std::error::Error;
use std::fmt;
use std::io::Write as _;

use miette::Diagnostic;
use mpws_report::text;

use crate::exit::Exit;

/// An error with its exit code. Texts are made harmless for the terminal when it is built.
#[derive(Debug)]
pub struct Failure {
    message: String,
    cause: Option<Box<Cause>>,
    next: Option<String>,
    exit: Exit,
}

impl Failure {
    /// An error that explains itself.
    pub fn new(exit: Exit, message: impl AsRef<str>) -> Self {
        let message = text::block(message.as_ref(), text::BLOCK_LIMIT);
        Self {
            message,
            cause: None,
            next: None,
            exit,
        }
    }

    /// An error that comes of another one.
    pub fn of(exit: Exit, message: impl AsRef<str>, error: &(dyn Error + 'static)) -> Self {
        Self {
            cause: Some(Cause::of(error)),
            ..Self::new(exit, message)
        }
    }

    /// Shows it on the standard error stream.
    pub fn tell(self) {
        // Nobody is left to tell where that is closed; the exit code still says it.
        let _ = writeln!(std::io::stderr().lock(), "{:?}", miette::Report::new(self));
    }

    /// Says what to do next.
    #[must_use]
    pub fn next(mut self, step: impl AsRef<str>) -> Self {
        self.next = Some(text::block(step.as_ref(), text::BLOCK_LIMIT));
        self
    }

    /// The exit code.
    pub fn exit(&self) -> Exit {
        self.exit
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause
            .as_deref()
            .map(|cause| cause as &(dyn Error + 'static))
    }
}

impl Diagnostic for Failure {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let next = self.next.as_ref()?;
        Some(Box::new(next))
    }
}

/// An error of a chain, as text.
#[derive(Debug)]
struct Cause {
    message: String,
    cause: Option<Box<Cause>>,
}

impl Cause {
    fn of(error: &(dyn Error + 'static)) -> Box<Self> {
        let message = text::block(&error.to_string(), text::BLOCK_LIMIT);
        Box::new(Self {
            message,
            cause: error.source().map(Self::of),
        })
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause
            .as_deref()
            .map(|cause| cause as &(dyn Error + 'static))
    }
}
