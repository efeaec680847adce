//! Why containers and images cannot be had.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why containers cannot be had, or one of them cannot.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The user may not put paths into the namespaces of containers.
    #[error(
        "containers need root of this machine, outside of any user namespace: the lab puts its paths into their network \
         namespaces; run as root, or use `--launcher process`"
    )]
    NotRoot,
    /// The engine is on another machine, or may be.
    #[error(
        "DOCKER_HOST is `{host}`, and the engine must be on this machine: set it to unix:///var/run/docker.sock or leave it out"
    )]
    Remote {
        /// What it is.
        host: String,
    },
    /// No engine listens.
    #[error(
        "no container engine listens at {}: install Docker Engine 20.10 or newer and start it (systemctl start docker), or \
         name its socket in DOCKER_HOST", .socket.display()
    )]
    Missing {
        /// Where.
        socket: PathBuf,
    },
    /// The engine's socket cannot be used.
    #[error("the container engine at {} cannot be reached: let this user write to that socket", .socket.display())]
    Unreachable {
        /// Where.
        socket: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The engine lacks what is needed.
    #[error(
        "the container engine is too old: version {version} speaks API {api}, and 1.41 is needed (Docker Engine 20.10)"
    )]
    TooOld {
        /// Its version.
        version: String,
        /// Newest version of its interface.
        api: String,
    },
    /// Root of the containers is not root of this machine.
    #[error(
        "the container engine runs {how}, and then its containers cannot open the control socket: use an engine without it"
    )]
    OtherIds {
        /// `rootless` or `with userns-remap`.
        how: &'static str,
    },
    /// An image is not there.
    #[error("the image {reference} is not there: `mpws peers build` makes it")]
    NoImage {
        /// Which.
        reference: String,
    },
    /// No room.
    #[error(
        "the container engine is out of disk space ({detail}): `mpws peers clean` removes what mpws made, `docker system df` \
         shows the rest"
    )]
    OutOfDisk {
        /// The engine's words.
        detail: String,
    },
    /// The engine took too long.
    #[error("waited {} s for the container engine to {what}; see the log of the engine", .after.as_secs())]
    Late {
        /// What it was to do.
        what: &'static str,
        /// The limit.
        after: Duration,
    },
    /// The engine said no.
    #[error("the container engine did not {what}: {detail}")]
    Refused {
        /// What it was to do.
        what: &'static str,
        /// Its words.
        detail: String,
    },
    /// This program was built without what talks to an engine.
    #[error(
        "this program was built without the cargo feature `containers`: build it with that, or use `--launcher process`"
    )]
    NotBuilt,
    /// This process cannot ask anything.
    #[error("no threads to talk to the container engine")]
    Threads(#[source] io::Error),
}

impl EngineError {
    /// What the user can do next.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Missing { .. } => {
                "install and start Docker (Debian: apt-get install docker.io), or name a running engine in DOCKER_HOST"
            }
            Self::Unreachable { .. } => {
                "run as root, or as a member of the group that owns the engine's socket (usually `docker`)"
            }
            Self::TooOld { .. } => "install Docker 20.10 or newer",
            Self::OutOfDisk { .. } => {
                "free some space: `mpws peers clean` removes all images of mpws, `docker system df` shows what the engine holds"
            }
            Self::Remote { .. } => "set DOCKER_HOST to the socket of an engine on this machine",
            Self::NoImage { .. } => "`mpws peers build` makes images",
            Self::NotRoot | Self::OtherIds { .. } => "use `--launcher process`",
            Self::NotBuilt => "build mpws with the cargo feature `containers`",
            Self::Late { .. } | Self::Refused { .. } | Self::Threads(_) => {
                "see the engine's log (journalctl -u docker), then run it again"
            }
        }
    }
}
