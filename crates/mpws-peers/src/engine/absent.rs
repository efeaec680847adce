//! Without the cargo feature `containers` there is no container, and these types have no value.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use mpws_lab::Exit;

/// The first process of a container.
#[derive(Debug)]
pub enum Container {}

impl Container {
    /// The process, as this process sees it.
    pub fn pid(&self) -> u32 {
        match *self {}
    }

    pub(crate) fn holds(&self, _: i32) -> bool {
        match *self {}
    }

    pub(crate) fn wait(&self, _: Duration) -> io::Result<Option<Exit>> {
        match *self {}
    }

    pub(crate) fn kill(&self, _: i32) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        match *self {}
    }
}
