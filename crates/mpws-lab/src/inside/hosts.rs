//! Hosts: each a thread that lives in a network namespace of its own and does there what it is
//! asked.

use crate::error::StartStep;
use crate::inside::links;
use crate::inside::route::RouteSocket;
use crate::sys;
use nix::sched::{CloneFlags, setns, unshare};
use std::fs::{self, File};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};
use std::sync::mpsc::{Sender, channel, sync_channel};
use std::thread;

/// What a host keeps open.
pub(crate) struct Inside {
    pub(crate) route: RouteSocket,
}

type Job = Box<dyn FnOnce(&Inside) + Send>;

/// The handle of a host's thread; the thread ends with it.
pub(crate) struct HostThread {
    jobs: Sender<Job>,
}

/// What every host has before it has paths: no addresses but those of the topology, and none of the
/// traffic by which IPv6 finds them.
const SYSCTLS: &[(&str, &str)] = &[
    ("net.ipv6.conf.default.accept_dad", "0"),
    ("net.ipv6.conf.default.accept_ra", "0"),
    ("net.ipv6.conf.default.addr_gen_mode", "1"),
    ("net.ipv6.conf.default.router_solicitations", "0"),
];

/// An engine may have switched IPv6 off in a namespace that it made. Loopback has its own switch,
/// which follows.
const SYSCTLS_WHERE_ENTERED: &[(&str, &str)] = &[("net.ipv6.conf.all.disable_ipv6", "0")];

/// Where a host lives.
pub(crate) enum Namespace {
    /// In a namespace that it makes.
    New,
    /// In one that somebody else made, and that has no interfaces but the usual ones.
    Entered { file: OwnedFd, usual: Vec<String> },
}

impl Namespace {
    /// What fails when the host does not come to be.
    pub(crate) fn step(&self) -> StartStep {
        match self {
            Self::New => StartStep::Host,
            Self::Entered { .. } => StartStep::Enter,
        }
    }

    fn enter(self, host: &str) -> io::Result<()> {
        let (file, usual) = match self {
            Self::New => return Ok(unshare(CloneFlags::CLONE_NEWNET)?),
            Self::Entered { file, usual } => (file, usual),
        };
        setns(file, CloneFlags::CLONE_NEWNET)?;
        let mut names = links::names()?.into_iter();
        if let Some(name) = names.find(|name| !usual.contains(name)) {
            return Err(io::Error::other(format!(
                "the namespace for host {host:?} has the interface {name}, and must have none"
            )));
        }
        for (name, value) in SYSCTLS_WHERE_ENTERED {
            set_sysctl(name, value)?;
        }
        Ok(())
    }
}

impl HostThread {
    /// Starts the thread in its namespace, with loopback up.
    pub(crate) fn start(name: &str, namespace: Namespace) -> io::Result<PendingHost> {
        let (jobs, queue) = channel::<Job>();
        let (ready, outcome) = sync_channel(1);
        let host = name.to_owned();
        thread::Builder::new()
            .name(format!("host-{name}"))
            .spawn(move || {
                let inside = match namespace.enter(&host).and_then(|()| furnish()) {
                    Ok(inside) => inside,
                    Err(error) => {
                        let _ = ready.send(Err(error));
                        return;
                    }
                };
                if ready.send(Ok(())).is_ok() {
                    for job in queue {
                        job(&inside);
                    }
                }
            })?;
        Ok(PendingHost {
            host: Self { jobs },
            outcome,
        })
    }

    /// Runs something in the host and waits for it.
    pub(crate) fn run<R: Send + 'static>(
        &self,
        job: impl FnOnce(&Inside) -> io::Result<R> + Send + 'static,
    ) -> io::Result<R> {
        let (done, outcome) = sync_channel(1);
        let job = move |inside: &Inside| {
            // The other side waits for exactly this.
            let _ = done.send(job(inside));
        };
        let gone = || io::Error::other("the thread of the host is gone");
        self.jobs.send(Box::new(job)).map_err(|_| gone())?;
        outcome.recv().map_err(|_| gone())?
    }
}

/// A host whose namespace is being made. Hosts are made side by side, because that takes the kernel
/// a while.
pub(crate) struct PendingHost {
    host: HostThread,
    outcome: std::sync::mpsc::Receiver<io::Result<()>>,
}

impl PendingHost {
    pub(crate) fn wait(self) -> io::Result<HostThread> {
        let gone = |_| io::Error::other("the thread of the host is gone");
        self.outcome.recv().map_err(gone)??;
        Ok(self.host)
    }
}

/// Gives the current thread's network namespace what every host has.
fn furnish() -> io::Result<Inside> {
    for (name, value) in SYSCTLS {
        set_sysctl(name, value)?;
    }
    let route = RouteSocket::open()?;
    links::set_up(&route, "lo", true)?;
    Ok(Inside { route })
}

/// Sets a sysctl of the current thread's network namespace.
pub(crate) fn set_sysctl(name: &str, value: &str) -> io::Result<()> {
    // Not `fs::write`, which would make a file where there is none.
    let mut file = File::options().write(true).open(sysctl_path(name)?)?;
    io::Write::write_all(&mut file, value.as_bytes())
}

/// Reads a sysctl of the current thread's network namespace.
pub(crate) fn sysctl(name: &str) -> io::Result<String> {
    let text = fs::read_to_string(sysctl_path(name)?)?;
    Ok(text.trim_end_matches('\n').to_owned())
}

/// Only `net.` sysctls have a value for each host; all others are the whole machine's.
fn sysctl_path(name: &str) -> io::Result<PathBuf> {
    if !name.starts_with("net.") || name.contains('/') || name.split('.').any(str::is_empty) {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    Ok(Path::new("/proc/sys").join(name.replace('.', "/")))
}

/// Opens a file of the current thread's `/proc/net`.
pub(crate) fn open_proc(path: &str) -> io::Result<File> {
    let path = Path::new(path);
    let plain = path
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if !plain || !path.starts_with("net") {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    File::open(Path::new("/proc/thread-self").join(path))
}

/// The current thread's network namespace.
pub(crate) fn namespace() -> io::Result<File> {
    File::open("/proc/thread-self/ns/net")
}

/// Whether the process behind a pidfd is in the current thread's network namespace.
pub(crate) fn is_here(process: BorrowedFd<'_>) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let pid = sys::pid_of(process)?;
    let theirs = fs::metadata(format!("/proc/{pid}/ns/net"))?;
    let ours = namespace()?.metadata()?;
    Ok((theirs.dev(), theirs.ino()) == (ours.dev(), ours.ino()))
}

/// A namespace of this process.
pub(crate) fn own_namespace(kind: &str) -> io::Result<OwnedFd> {
    fs::File::open(format!("/proc/self/ns/{kind}")).map(OwnedFd::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sysctls_of_the_machine_and_paths_are_refused() {
        for name in ["kernel.hostname", "net..x", "net./etc", "net.a/../../b", ""] {
            let error = sysctl_path(name).expect_err(name);
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{name}");
        }
        let path = sysctl_path("net.mptcp.enabled").expect("a sysctl of hosts");
        assert_eq!(path, Path::new("/proc/sys/net/mptcp/enabled"));
    }

    #[test]
    fn only_files_of_proc_net_are_opened() {
        for path in ["net/../status", "/etc/passwd", "status", "", "ns/net"] {
            let error = open_proc(path).expect_err(path);
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{path}");
        }
    }
}
