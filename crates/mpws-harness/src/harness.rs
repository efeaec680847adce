//! Hosts, paths and peers, from their start on.

use std::os::fd::OwnedFd;

use mpws_lab::preset::OnPath;
use mpws_lab::{Host, Lab};
use mpws_model::Side;
use mpws_peers::{ContainerPeer, LaunchError, LaunchOptions, Launcher, Peer, PeerSpec, Program};

use crate::kernels::{KernelError, Kernels};

/// What is to be started.
pub struct Setup<'a> {
    /// Paths between client and server, 1 to 4.
    pub paths: u8,
    /// Frames that may be on their way at once in each direction of a path; what comes beyond that
    /// is an error of the lab.
    pub backlog: u32,
    /// What stands on paths; a condition of a path that is not there is left out.
    pub conditions: &'a [OnPath],
    /// The client, where it is a peer.
    pub client: Option<End<'a>>,
    /// The server.
    pub server: End<'a>,
}

/// One peer that is to be started.
pub struct End<'a> {
    /// Which.
    pub spec: &'a PeerSpec,
    /// How; its sysctls are set in its host before it starts.
    pub options: LaunchOptions,
}

/// A lab that stands, with its peers. Dropped, it takes all of them away.
pub struct Harness {
    /// The hosts `client` and `server`, and the paths between them.
    pub lab: Lab,
    /// The client, where it is a peer.
    pub client: Option<Peer>,
    /// The server.
    pub server: Peer,
    /// A view into the kernels of both hosts, counters from before the peers started on.
    pub kernels: Kernels,
}

/// Why it does not stand.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// No lab.
    #[error("the lab did not start")]
    Lab(#[source] mpws_lab::StartError),
    /// A condition does not stand on its path.
    #[error("path {path} was not given the condition {condition}")]
    Condition {
        /// The path, from 1.
        path: u8,
        /// The condition, as `--path` takes it.
        condition: String,
        /// Why.
        source: mpws_lab::PathError,
    },
    /// A kernel cannot be asked.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// A sysctl was not set in a peer's host.
    #[error("sysctl {name} was not set")]
    Sysctl {
        /// The sysctl.
        name: String,
        /// Why.
        source: std::io::Error,
    },
    /// A peer did not start.
    #[error("the {} did not start", .side.word())]
    Launch {
        /// Which.
        side: Side,
        /// Whether it is our own fixture.
        fixture: bool,
        /// Why.
        source: LaunchError,
    },
    /// A fault of this code.
    #[error("a launch panicked")]
    Panicked,
}

/// Whose fault it is that it does not stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A peer did not do what it must.
    Peer,
    /// A peer, or how it is described, does not allow what was asked.
    Unsupported,
    /// This host lacks something.
    Host,
    /// Ours.
    Own,
}

impl Fault {
    /// Whose fault it is that a peer cannot be prepared or started. The fixture's is ours.
    pub fn of_launch(error: &LaunchError, fixture: bool) -> Self {
        match error {
            LaunchError::NotSupported { .. } => Self::Unsupported,
            LaunchError::Environment { .. }
            | LaunchError::NoPython { .. }
            | LaunchError::Image { .. }
            | LaunchError::Engine { .. }
            | LaunchError::NoContainers(_)
            | LaunchError::NotInContainer { .. } => Self::Host,
            LaunchError::Socket(_) | LaunchError::ForkServer { .. } => Self::Own,
            _ if fixture => Self::Own,
            _ => Self::Peer,
        }
    }
}

impl StartError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Lab(mpws_lab::StartError::Unsupported { .. }) => Fault::Host,
            Self::Launch {
                fixture, source, ..
            } => Fault::of_launch(source, *fixture),
            Self::Lab(_)
            | Self::Condition { .. }
            | Self::Kernel(_)
            | Self::Sysctl { .. }
            | Self::Panicked => Fault::Own,
        }
    }

    fn of_launch(side: Side, end: &End<'_>, source: LaunchError) -> Self {
        Self::Launch {
            side,
            fixture: end.spec.program == Program::Fixture,
            source,
        }
    }
}

impl Harness {
    /// Starts the lab, then the server, then the client. Peers in containers are there before the
    /// lab, which takes their network namespaces for its hosts.
    ///
    /// # Errors
    ///
    /// [`StartError`]: no lab on this host, a peer that did not start, or a kernel that cannot be
    /// asked.
    pub fn start(launcher: &Launcher, setup: &Setup<'_>) -> Result<Self, StartError> {
        let client_end = setup.client.as_ref();
        let [client, server] = ahead(launcher, [client_end, Some(&setup.server)])?;
        let (client_net, client) = apart(client);
        let (server_net, server) = apart(server);
        let lab = lab(setup, [client_net, server_net])?;
        for OnPath { path, spec } in setup.conditions {
            if *path <= setup.paths {
                lab.apply(*path, spec)
                    .map_err(|source| StartError::Condition {
                        path: *path,
                        condition: spec.to_string(),
                        source,
                    })?;
            }
        }
        let kernels = Kernels::open(&lab)?;
        let server = match server {
            Some(server) => server,
            None => in_lab(launcher, &lab, Side::Server, &setup.server)?,
        };
        let client = match (client, client_end) {
            (None, Some(end)) => Some(in_lab(launcher, &lab, Side::Client, end)?),
            (started, _) => started,
        };
        Ok(Self {
            lab,
            client,
            server,
            kernels,
        })
    }

    /// The host of a side.
    pub fn host(&self, side: Side) -> Host {
        self.lab.host(side.word())
    }
}

/// The peers that run before there is a lab, both started at the same time.
fn ahead(
    launcher: &Launcher,
    ends: [Option<&End<'_>>; 2],
) -> Result<[Option<ContainerPeer>; 2], StartError> {
    let start = |side: Side, end: Option<&End<'_>>| {
        let Some(end) = end.filter(|end| launcher.in_container(end.spec)) else {
            return Ok(None);
        };
        let started = launcher.launch_in_container(end.spec, &end.options);
        started.map_err(|source| StartError::of_launch(side, end, source))
    };
    let [client, server] = ends;
    let [client, server] = std::thread::scope(|scope| {
        let client = scope.spawn(|| start(Side::Client, client));
        let server = start(Side::Server, server);
        let panicked = |_| Err(StartError::Panicked);
        [client.join().unwrap_or_else(panicked), server]
    });
    Ok([client?, server?])
}

fn apart(ahead: Option<ContainerPeer>) -> (Option<OwnedFd>, Option<Peer>) {
    ahead.map_or((None, None), |ahead| {
        (Some(ahead.network), Some(ahead.peer))
    })
}

/// Client and server, each in a namespace that is there or in one of its own, and the paths between
/// them.
fn lab(setup: &Setup<'_>, networks: [Option<OwnedFd>; 2]) -> Result<Lab, StartError> {
    let hosts = [Side::Client, Side::Server].map(Side::word);
    let mut lab = Lab::builder().backlog(setup.backlog);
    for (name, network) in hosts.into_iter().zip(networks) {
        lab = match network {
            Some(network) => lab.host_in(name, network),
            None => lab.host(name),
        };
    }
    let [client, server] = hosts;
    for _ in 0..setup.paths {
        lab = lab.path(client, server);
    }
    lab.start().map_err(StartError::Lab)
}

fn in_lab(launcher: &Launcher, lab: &Lab, side: Side, end: &End<'_>) -> Result<Peer, StartError> {
    let host = lab.host(side.word());
    for (name, value) in &end.options.sysctls {
        host.set_sysctl(name, value)
            .map_err(|source| StartError::Sysctl {
                name: name.clone(),
                source,
            })?;
    }
    let started = launcher.launch(end.spec, &host, &end.options);
    started.map_err(|source| StartError::of_launch(side, end, source))
}
