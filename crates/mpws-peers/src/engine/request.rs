//! What the engine is asked for: a container that can do as little as possible beside being a peer.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use bollard::models::HostConfigLogConfig;
use testcontainers::core::{AccessMode, Mount};
use testcontainers::{ContainerRequest, GenericImage, ImageExt};

use super::client::WORK;
use super::error::EngineError;
use super::seccomp;

/// User and group of peers in containers: an ordinary one that no system gives to anybody.
pub(crate) const USER: u32 = 65532;

/// Where the program is that is mounted into a container.
pub(crate) const INSIDE: &str = "/opt/mpws/bin/program";

/// Bytes of memory, swap included. A peer that needs more is killed, and its cell is red.
const MEMORY: i64 = 512 << 20;

/// Processes and threads together.
const PROCESSES: i64 = 256;

/// Bytes of the file system in memory at `/tmp`.
const TMP: &str = "rw,nosuid,nodev,noexec,mode=1777,size=64m";

/// Bytes of shared memory.
const SHARED_MEMORY: u64 = 16 << 20;

/// A container that is to be.
pub(crate) struct Wanted<'a> {
    /// `sha256:` and the digest of its configuration: exactly that image, which no registry is
    /// asked for.
    pub(crate) image: &'a str,
    pub(crate) argv: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    /// A program of this machine: read-only, at [`INSIDE`].
    pub(crate) mounted: Option<PathBuf>,
    /// At the same path inside.
    pub(crate) socket: Option<&'a Path>,
    /// At the same path inside, to be written to. It starts there.
    pub(crate) scratch: &'a Path,
    pub(crate) deny_mptcp: Option<i32>,
    /// Set by the engine in the container's network namespace before the peer starts.
    pub(crate) sysctls: Vec<(String, String)>,
    pub(crate) labels: Vec<(&'static str, String)>,
}

impl Wanted<'_> {
    pub(crate) fn request(self) -> Result<ContainerRequest<GenericImage>, EngineError> {
        let unknown = || EngineError::NoImage {
            reference: self.image.to_owned(),
        };
        let (kind, digest) = self.image.split_once(':').ok_or_else(unknown)?;
        let (program, args) = self.argv.split_first().ok_or_else(unknown)?;
        let scratch = utf8(self.scratch)?;
        let (soft, hard) = descriptors();
        let mut request = GenericImage::new(kind, digest)
            .with_entrypoint(program)
            .with_cmd(args)
            .with_network("none")
            .with_user(format!("{USER}:{USER}"))
            .with_working_dir(scratch.clone())
            .with_readonly_rootfs(true)
            .with_cap_drop("ALL")
            .with_security_opt("no-new-privileges:true")
            .with_shm_size(SHARED_MEMORY)
            .with_ulimit("nofile", soft, Some(hard))
            .with_ulimit("core", 0, Some(0))
            .with_mount(Mount::bind_mount(scratch.clone(), scratch))
            .with_startup_timeout(WORK);
        if let Some(socket) = self.socket {
            let socket = utf8(socket)?;
            request = request.with_mount(Mount::bind_mount(socket.clone(), socket));
        }
        if let Some(mounted) = self.mounted {
            let program = utf8(&mounted)?;
            let mount = Mount::bind_mount(program, INSIDE);
            request = request.with_mount(mount.with_access_mode(AccessMode::ReadOnly));
        }
        if let Some(errno) = self.deny_mptcp {
            request =
                request.with_security_opt(format!("seccomp={}", seccomp::without_mptcp(errno)));
        }
        for (name, value) in self.env {
            request = request.with_env_var(name, value);
        }
        for (name, value) in self.labels {
            request = request.with_label(name, value);
        }
        let sysctls: HashMap<String, String> = self.sysctls.into_iter().collect();
        Ok(request.with_host_config_modifier(move |host| {
            // All that testcontainers has no word for.
            host.publish_all_ports = Some(false);
            host.port_bindings = None;
            host.init = Some(false);
            host.ipc_mode = Some("private".to_owned());
            host.memory = Some(MEMORY);
            host.memory_swap = Some(MEMORY);
            host.pids_limit = Some(PROCESSES);
            host.sysctls = Some(sysctls.clone());
            host.tmpfs = Some(HashMap::from([("/tmp".to_owned(), TMP.to_owned())]));
            host.log_config = Some(log());
        }))
    }
}

/// What the engine keeps of a peer's output until it is read; the launcher follows, and keeps the
/// first and the last part.
fn log() -> HostConfigLogConfig {
    let config = [("max-size", "4m"), ("max-file", "2"), ("mode", "blocking")];
    HostConfigLogConfig {
        typ: Some("json-file".to_owned()),
        config: Some(
            config
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
        ),
    }
}

/// As many as a process of this one would have.
fn descriptors() -> (i64, i64) {
    use nix::sys::resource::{Resource, getrlimit};
    let signed = |limit: u64| i64::try_from(limit).unwrap_or(i64::MAX);
    getrlimit(Resource::RLIMIT_NOFILE)
        .map_or((1024, 4096), |(soft, hard)| (signed(soft), signed(hard)))
}

fn utf8(path: &Path) -> Result<String, EngineError> {
    path.to_str()
        .map(str::to_owned)
        .ok_or_else(|| EngineError::Refused {
            what: "mount a folder",
            detail: format!("{} is not UTF-8", path.display()),
        })
}
