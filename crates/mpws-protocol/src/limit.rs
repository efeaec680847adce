//! `process.limit`: how many descriptors this process may have.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::{Mutex, PoisonError};

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::failure::Failure;
use crate::ops::{Limited, ProcessLimit};

/// The limit that the process started with, once it is another; without a number where it had none.
#[derive(Debug, Default)]
pub struct Limit(Mutex<Option<Option<u64>>>);

impl Limit {
    /// Sets the limit that is asked for, of this whole process.
    ///
    /// # Errors
    ///
    /// The errno of the system call: `EMFILE` where no descriptor is left to count from, `EPERM`
    /// above the hard limit.
    pub fn set(&self, args: ProcessLimit) -> Result<Limited, Failure> {
        let mut original = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut limit = getrlimit(Resource::Nofile);
        let first = *original.get_or_insert(limit.current);
        limit.current = match args.free {
            // The kernel hands out the lowest free number; holes below it are few.
            Some(free) => {
                let next = File::open("/dev/null")?.as_raw_fd();
                Some(u64::try_from(next).unwrap_or_default() + u64::from(free))
            }
            None => first,
        };
        let set = limit.current.unwrap_or(u64::MAX);
        setrlimit(Resource::Nofile, limit).map_err(io::Error::from)?;
        Ok(Limited { limit: set })
    }
}
