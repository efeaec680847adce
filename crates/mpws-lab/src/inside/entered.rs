//! Network namespaces that somebody else made, and that hosts of the lab are to live in.

use crate::error::StartStep;
use crate::message::Failure;
use crate::sys;
use crate::topology::Topology;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;

/// The namespaces by host. Each is given out once.
#[derive(Debug, Default)]
pub(crate) struct Entered(BTreeMap<usize, OwnedFd>);

impl Entered {
    /// Takes what came beside the topology. Called in the namespaces of the lab's owner.
    pub(crate) fn check(topology: &Topology, files: Vec<OwnedFd>) -> Result<Self, Failure> {
        if files.len() != topology.entered.len() {
            return Err(refused("the number of namespaces is not that of the hosts"));
        }
        if files.is_empty() {
            return Ok(Self::default());
        }
        if !sys::may_make_namespaces() {
            let error = io::Error::from_raw_os_error(libc::EPERM);
            return Err(Failure::at(StartStep::Enter, &error));
        }
        let mut seen = vec![identity(File::open("/proc/self/ns/net").map(OwnedFd::from))?.0];
        let mut entered = BTreeMap::new();
        for (&host, file) in topology.entered.iter().zip(files) {
            let (identity, file) = identity(Ok(file))?;
            if seen[0] == identity {
                return Err(refused(
                    "a host cannot live in the namespace of the lab's owner",
                ));
            }
            if seen.contains(&identity) {
                return Err(refused("two hosts cannot live in the same namespace"));
            }
            seen.push(identity);
            entered.insert(host, file);
        }
        Ok(Self(entered))
    }

    pub(crate) fn take(&mut self, host: usize) -> Option<OwnedFd> {
        self.0.remove(&host)
    }
}

/// What makes a namespace the same as another: device and inode of its file.
type Identity = (u64, u64);

fn identity(file: io::Result<OwnedFd>) -> Result<(Identity, OwnedFd), Failure> {
    let read = || {
        let file = File::from(file?);
        let about = file.metadata()?;
        Ok(((about.dev(), about.ino()), file.into()))
    };
    read().map_err(|error: io::Error| Failure::at(StartStep::Enter, &error))
}

fn refused(why: &str) -> Failure {
    Failure::at(StartStep::Enter, &io::Error::other(why.to_owned()))
}
