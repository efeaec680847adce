//! Containers on their way out. Removing one takes the engine a while, and no cell has to wait for
//! it.

use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use testcontainers::{ContainerAsync, GenericImage};

use super::client::runtime;
use crate::lock::lock;

/// How many are being removed.
#[derive(Debug, Default)]
pub(crate) struct Removals {
    count: Mutex<usize>,
    changed: Condvar,
}

impl Removals {
    /// Kills and removes a container. What goes wrong is left to the sweep.
    pub(super) fn add(self: &Arc<Self>, container: ContainerAsync<GenericImage>) {
        let Ok(runtime) = runtime() else { return };
        *lock(&self.count) += 1;
        let done = Done(Arc::clone(self));
        runtime.spawn(async move {
            let _done = done;
            if let Err(error) = container.rm().await {
                tracing::warn!(%error, "a container was not removed; a sweep will");
            }
        });
    }

    /// Waits until all are gone, at most so long.
    pub(crate) fn wait(&self, limit: Duration) {
        let until = Instant::now() + limit;
        let mut count = lock(&self.count);
        while *count > 0 {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            count = match self.changed.wait_timeout(count, left) {
                Ok((count, _)) => count,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }
}

/// Counts down when it goes, also when the removal was given up.
struct Done(Arc<Removals>);

impl Drop for Done {
    fn drop(&mut self) {
        *lock(&self.0.count) -= 1;
        self.0.changed.notify_all();
    }
}
