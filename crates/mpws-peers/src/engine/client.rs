//! The client of the container engine: found, checked, asked. Everything asynchronous stays behind
//! [`Engine::ask`].

use std::error::Error;
use std::future::Future;
use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{OnceLock, mpsc};
use std::time::Duration;

use bollard::{API_DEFAULT_VERSION, Docker};
use tokio::runtime::{Handle, Runtime};

use super::error::EngineError;
use super::words::refused;

/// Oldest interface of the engine that will do: that of Docker Engine 20.10, the first whose
/// seccomp profiles say with which errno a call fails.
const OLDEST_API: (u32, u32) = (1, 41);

/// What the engine may take for a question about something that is there.
pub(crate) const ANSWER: Duration = Duration::from_secs(30);

/// What the engine may take to start or remove a container: on a busy machine many do at a time.
pub(crate) const WORK: Duration = Duration::from_secs(120);

/// The container engine of this machine.
#[derive(Clone, Debug)]
pub struct Engine {
    docker: Docker,
    version: String,
    api: String,
}

impl Engine {
    /// Finds the engine, and makes sure that it is on this machine and new enough: that will do for
    /// images.
    ///
    /// # Errors
    ///
    /// [`EngineError`], with what to do about it.
    pub fn connect() -> Result<Self, EngineError> {
        let socket = socket()?;
        UnixStream::connect(&socket).map_err(|source| match source.kind() {
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => EngineError::Missing {
                socket: socket.clone(),
            },
            _ => EngineError::Unreachable {
                socket: socket.clone(),
                source,
            },
        })?;
        let path = socket.display().to_string();
        let docker = Docker::connect_with_unix(&path, WORK.as_secs(), API_DEFAULT_VERSION)
            .map_err(|error| refused("be asked", &error))?;
        let mut engine = Self {
            docker,
            version: String::new(),
            api: String::new(),
        };
        let what = "tell its version";
        let version = engine.ask(what, ANSWER, |docker| async move { docker.version().await })?;
        engine.version = version.version.unwrap_or_default();
        engine.api = version.api_version.unwrap_or_default();
        if api(&engine.api).is_none_or(|api| api < OLDEST_API) {
            return Err(EngineError::TooOld {
                version: engine.version,
                api: engine.api,
            });
        }
        let what = "agree on a version of its interface";
        engine.docker = engine.ask(what, ANSWER, |docker| async move {
            docker.negotiate_version().await
        })?;
        Ok(engine)
    }

    /// [`Engine::connect`], for containers in whose network namespaces a lab puts its paths: this
    /// process must be root of the machine, and so must be the containers' root.
    ///
    /// # Errors
    ///
    /// [`EngineError`], with what to do about it.
    pub fn for_containers() -> Result<Self, EngineError> {
        if !is_root() {
            return Err(EngineError::NotRoot);
        }
        let engine = Self::connect()?;
        let what = "tell what it is";
        let info = engine.ask(what, ANSWER, |docker| async move { docker.info().await })?;
        let options = info.security_options.unwrap_or_default();
        let has = |name: &str| {
            options
                .iter()
                .any(|option| option.split(',').any(|part| part == format!("name={name}")))
        };
        for (name, how) in [("rootless", "rootless"), ("userns", "with userns-remap")] {
            if has(name) {
                return Err(EngineError::OtherIds { how });
            }
        }
        Ok(engine)
    }

    /// Its version and the newest version of its interface, for people.
    pub fn describe(&self) -> String {
        format!("Docker Engine {} (API {})", self.version, self.api)
    }

    /// The client. To be used only in what [`Engine::ask`] runs: it belongs to that runtime.
    pub(crate) fn docker(&self) -> &Docker {
        &self.docker
    }

    /// Asks the engine, and waits at most `limit`. Works wherever it is called, in another runtime
    /// too.
    pub(crate) fn ask<T, E, F>(
        &self,
        what: &'static str,
        limit: Duration,
        ask: impl FnOnce(Docker) -> F,
    ) -> Result<T, EngineError>
    where
        T: Send + 'static,
        E: Error + Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let answer = tokio_timeout(limit, ask(self.docker.clone()));
        let (done, outcome) = mpsc::sync_channel(1);
        runtime()?.spawn(async move {
            // The other side waits for exactly this.
            let _ = done.send(answer.await);
        });
        match outcome.recv() {
            Ok(Some(Ok(value))) => Ok(value),
            Ok(Some(Err(error))) => Err(refused(what, &error)),
            Ok(None) => Err(EngineError::Late { what, after: limit }),
            Err(lost) => Err(refused(what, &lost)),
        }
    }
}

/// The runtime of all questions. It outlives every engine: connections are pooled across them.
pub(crate) fn runtime() -> Result<Handle, EngineError> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime.handle().clone());
    }
    let made = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("engine")
        .enable_all()
        .build()
        .map_err(EngineError::Threads)?;
    Ok(RUNTIME.get_or_init(|| made).handle().clone())
}

async fn tokio_timeout<T>(limit: Duration, answer: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(limit, answer).await.ok()
}

/// Where the engine listens: testcontainers goes by the same variable and the same default.
fn socket() -> Result<PathBuf, EngineError> {
    let Some(host) = std::env::var_os("DOCKER_HOST").filter(|host| !host.is_empty()) else {
        return Ok(PathBuf::from("/var/run/docker.sock"));
    };
    let host = host.to_string_lossy().into_owned();
    match host.strip_prefix("unix://") {
        Some(path) if Path::new(path).is_absolute() => Ok(PathBuf::from(path)),
        _ => Err(EngineError::Remote { host }),
    }
}

/// Root, and not only in a user namespace, whose map would show fewer ids.
fn is_root() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let all = map.split_whitespace().eq(["0", "0", "4294967295"]);
    nix::unistd::geteuid().is_root() && all
}

fn api(version: &str) -> Option<(u32, u32)> {
    let (major, minor) = version.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_the_interface_are_compared_as_numbers() {
        assert!(api("1.41").is_some_and(|api| api >= OLDEST_API));
        assert!(api("1.100").is_some_and(|api| api >= OLDEST_API));
        assert!(api("1.9").is_some_and(|api| api < OLDEST_API));
        assert_eq!(api("new"), None);
    }
}
