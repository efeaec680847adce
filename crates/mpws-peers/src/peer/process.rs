//! The process of a peer, wherever it runs.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use mpws_lab::{Exit, Process};

use crate::engine::Container;

/// The process of a peer. It is killed on drop.
#[derive(Debug)]
#[must_use]
pub enum PeerProcess {
    /// In a host of a lab.
    Lab(Process),
    /// The first process of a container.
    Container(Box<Container>),
}

impl PeerProcess {
    /// Its id as this process sees it.
    ///
    /// # Errors
    /// When the process is gone and `/proc` does not tell.
    pub fn pid(&self) -> io::Result<u32> {
        match self {
            Self::Lab(process) => process.pid(),
            Self::Container(container) => Ok(container.pid()),
        }
    }

    /// How it ended, or `None` while it runs.
    ///
    /// # Errors
    /// When who knows it, the lab or the container engine, does not answer.
    pub fn try_wait(&self) -> io::Result<Option<Exit>> {
        self.wait(Duration::ZERO)
    }

    /// Waits until it has ended, at most `deadline`; `None` when it still runs then.
    ///
    /// # Errors
    /// When who knows it, the lab or the container engine, does not answer.
    pub fn wait(&self, deadline: Duration) -> io::Result<Option<Exit>> {
        match self {
            Self::Lab(process) => process.wait(deadline),
            Self::Container(container) => container.wait(deadline),
        }
    }

    /// Sends it a signal. A process that has ended already is no error. The first process of a
    /// container takes no signal but SIGKILL that it has no handler for.
    ///
    /// # Errors
    /// For a number that is no signal.
    pub fn kill(&self, signal: i32) -> io::Result<()> {
        match self {
            Self::Lab(process) => process.kill(signal),
            Self::Container(container) => container.kill(signal),
        }
    }

    /// Becomes readable when the process has ended: for callers with a poll loop of their own.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        match self {
            Self::Lab(process) => process.descriptor(),
            Self::Container(container) => container.descriptor(),
        }
    }
}
