//! Whose a container is. The engine keeps containers when their maker is killed, and testcontainers
//! has no reaper, so every container says who made it, and who starts next removes what the dead
//! have left.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicU32, Ordering};

use bollard::query_parameters::{ListContainersOptionsBuilder, RemoveContainerOptionsBuilder};

use super::client::{ANSWER, Engine, WORK};
use super::error::EngineError;

/// The label that names the run a container belongs to. Only containers have it, so whoever makes
/// one of an image of ours does not inherit it.
pub const RUN: &str = "mpws.run";

const PID: &str = "mpws.owner-pid";
const START: &str = "mpws.owner-start";
const BOOT: &str = "mpws.owner-boot";
const PID_NAMESPACE: &str = "mpws.owner-pid-namespace";

/// A process that makes containers, told apart from every other that ever had its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pid: u32,
    /// Its start in clock ticks since the boot: field 22 of `/proc/PID/stat`.
    start: u64,
    boot: String,
    pid_namespace: u64,
}

impl Owner {
    pub(crate) fn this_process() -> std::io::Result<Self> {
        let pid = std::process::id();
        let start =
            start_of(pid).ok_or_else(|| std::io::Error::other("/proc/self/stat cannot be read"))?;
        Ok(Self {
            pid,
            start,
            boot: fs::read_to_string("/proc/sys/kernel/random/boot_id")?
                .trim()
                .to_owned(),
            pid_namespace: fs::metadata("/proc/self/ns/pid")?.ino(),
        })
    }

    /// A name that no other run has.
    pub(crate) fn new_run(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let boot: String = self
            .boot
            .chars()
            .filter(char::is_ascii_hexdigit)
            .take(8)
            .collect();
        format!("{boot}-{}-{}-{number}", self.pid, self.start)
    }

    pub(crate) fn labels(&self, run: &str) -> Vec<(&'static str, String)> {
        vec![
            (RUN, run.to_owned()),
            (PID, self.pid.to_string()),
            (START, self.start.to_string()),
            (BOOT, self.boot.clone()),
            (PID_NAMESPACE, self.pid_namespace.to_string()),
        ]
    }

    fn of(labels: &HashMap<String, String>) -> Option<Self> {
        Some(Self {
            pid: labels.get(PID)?.parse().ok()?,
            start: labels.get(START)?.parse().ok()?,
            boot: labels.get(BOOT)?.clone(),
            pid_namespace: labels.get(PID_NAMESPACE)?.parse().ok()?,
        })
    }

    /// Whether this owner is known to be dead, as `observer` sees it. One in another PID namespace
    /// cannot be seen.
    fn is_dead(&self, observer: &Self) -> bool {
        if self.boot != observer.boot {
            return true;
        }
        self.pid_namespace == observer.pid_namespace && start_of(self.pid) != Some(self.start)
    }
}

/// Removes the containers of owners that are dead. Tells how many there were.
pub(crate) fn sweep_dead(engine: &Engine, observer: &Owner) -> Result<usize, EngineError> {
    let all = labelled(engine, RUN.to_owned())?;
    let dead = all.into_iter().filter_map(|(id, labels)| {
        // What has half of the labels was not made by this program.
        Owner::of(&labels)
            .filter(|owner| owner.is_dead(observer))
            .map(|_| id)
    });
    remove(engine, dead.collect())
}

/// Removes the containers that have a label.
pub(crate) fn sweep(engine: &Engine, label: String) -> Result<usize, EngineError> {
    let all = labelled(engine, label)?;
    remove(engine, all.into_iter().map(|(id, _)| id).collect())
}

/// A container's id and labels.
type Labelled = (String, HashMap<String, String>);

fn labelled(engine: &Engine, label: String) -> Result<Vec<Labelled>, EngineError> {
    let filters = HashMap::from([("label", vec![label])]);
    let options = ListContainersOptionsBuilder::new()
        .all(true)
        .filters(&filters)
        .build();
    let found = engine.ask("list containers", ANSWER, |docker| async move {
        docker.list_containers(Some(options)).await
    })?;
    let known = found
        .into_iter()
        .filter_map(|one| Some((one.id?, one.labels.unwrap_or_default())));
    Ok(known.collect())
}

fn remove(engine: &Engine, ids: Vec<String>) -> Result<usize, EngineError> {
    let count = ids.len();
    for id in ids {
        engine.ask("remove a container", WORK, |docker| async move {
            let options = RemoveContainerOptionsBuilder::new()
                .force(true)
                .v(true)
                .build();
            match docker.remove_container(&id, Some(options)).await {
                // Gone, or going: somebody else sweeps as well.
                Err(bollard::errors::Error::DockerResponseServerError {
                    status_code: 404 | 409,
                    ..
                }) => Ok(()),
                other => other,
            }
        })?;
    }
    Ok(count)
}

fn start_of(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything.
    let (_, rest) = stat.rsplit_once(')')?;
    // The state is field 3; a zombie does nothing any more.
    let mut fields = rest.split_whitespace();
    if fields.next()? == "Z" {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_read_back_from_its_labels_and_lives() {
        let owner = Owner::this_process().unwrap();
        let labels = owner
            .labels("run")
            .into_iter()
            .map(|(k, v)| (k.to_owned(), v))
            .collect();
        assert_eq!(Owner::of(&labels).as_ref(), Some(&owner));
        assert!(!owner.is_dead(&owner));
    }

    #[test]
    fn an_owner_that_ended_is_dead_and_so_is_one_whose_number_went_to_another() {
        let this = Owner::this_process().unwrap();
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let ended = Owner {
            pid: child.id(),
            ..this.clone()
        };
        child.wait().unwrap();
        assert!(ended.is_dead(&this));
        let other = Owner {
            start: this.start + 1,
            ..this.clone()
        };
        assert!(other.is_dead(&this));
        let before = Owner {
            boot: "before".to_owned(),
            ..this.clone()
        };
        assert!(before.is_dead(&this));
    }

    #[test]
    fn an_owner_that_cannot_be_seen_is_left_alone() {
        let this = Owner::this_process().unwrap();
        let hidden = Owner {
            pid: 1 << 22,
            pid_namespace: this.pid_namespace + 1,
            ..this.clone()
        };
        assert!(!hidden.is_dead(&this));
    }

    #[test]
    fn runs_have_names_of_their_own() {
        let owner = Owner::this_process().unwrap();
        assert_ne!(owner.new_run(), owner.new_run());
    }
}
