//! Standard input that somebody may end by Ctrl-C, as `tcpdump | mpws check -` is.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::pipe;

/// Reads to the end. The first `SIGINT` or `SIGTERM` also reached the program that writes, which
/// still has to send what it holds, so reading goes on; after the second, what waits already is
/// read, and no more.
#[derive(Debug)]
pub(crate) struct StandardInput {
    input: File,
    /// One byte for each signal.
    signals: UnixStream,
    seen: usize,
    /// How much is read at most after the second signal, in bytes.
    rest: usize,
}

impl StandardInput {
    /// From now on, signals do not end the process.
    ///
    /// # Errors
    /// Fails when the system refuses the handlers, or standard input is closed.
    pub(crate) fn open() -> io::Result<Self> {
        let input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        let (signals, handlers) = UnixStream::pair()?;
        for signal in [SIGINT, SIGTERM] {
            pipe::register(signal, handlers.try_clone()?)?;
        }
        Ok(Self {
            input,
            signals,
            seen: 0,
            rest: MOST_WAITING,
        })
    }

    /// Waits for input or a signal, and says whether there is input, or its end.
    fn wait(&mut self, limit: PollTimeout) -> io::Result<bool> {
        let mut awaited = [
            PollFd::new(self.input.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut awaited, limit) {
            Ok(_) => {}
            Err(Errno::EINTR) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        let [input, signals] = awaited.map(|one| one.any().unwrap_or(true));
        if signals {
            let before = self.seen;
            self.seen += self.signals.read(&mut [0; 8])?;
            if before == 0 && self.seen == 1 {
                let _ = writeln!(
                    io::stderr(),
                    "waiting for the end of standard input; Ctrl-C again reports what has come"
                );
            }
            return Ok(false);
        }
        Ok(input)
    }
}

impl Read for StandardInput {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.seen < 2 {
            if self.wait(PollTimeout::NONE)? {
                return self.input.read(buffer);
            }
        }
        let most = buffer.len().min(self.rest);
        if most == 0 || !self.wait(PollTimeout::ZERO)? {
            return Ok(0);
        }
        let read = self.input.read(&mut buffer[..most])?;
        self.rest -= read;
        Ok(read)
    }
}

/// As much as a pipe can hold (`fs.pipe-max-size` of proc(5)), so that a program that never stops
/// writing is left.
const MOST_WAITING: usize = 1 << 20;
