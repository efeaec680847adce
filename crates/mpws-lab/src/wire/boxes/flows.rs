//! What a box remembers of each connection, bounded.

use super::segment::Flow;
use std::collections::HashMap;
use std::time::Instant;

/// Connections that a box remembers; of more, the one that was silent for longest is forgotten.
const LIMIT: usize = 4096;

/// State by connection.
#[derive(Debug)]
pub(crate) struct Flows<T> {
    known: HashMap<Flow, (Instant, T)>,
}

impl<T> Default for Flows<T> {
    fn default() -> Self {
        Self {
            known: HashMap::new(),
        }
    }
}

impl<T> Flows<T> {
    /// What is remembered of a connection, which counts as a sign of life.
    pub(crate) fn find(&mut self, flow: &Flow, now: Instant) -> Option<&mut T> {
        self.known.get_mut(flow).map(|(seen, state)| {
            *seen = now;
            state
        })
    }

    /// Remembers a connection anew.
    pub(crate) fn insert(&mut self, flow: Flow, now: Instant, state: T) -> &mut T {
        if self.known.len() >= LIMIT && !self.known.contains_key(&flow) {
            let oldest = self.known.iter().min_by_key(|(_, (seen, _))| *seen);
            if let Some(oldest) = oldest.map(|(flow, _)| *flow) {
                self.known.remove(&oldest);
            }
        }
        let entry = self.known.entry(flow).insert_entry((now, state));
        &mut entry.into_mut().1
    }

    /// Finds a connection, or remembers it with the state that the function makes.
    pub(crate) fn entry(&mut self, flow: Flow, now: Instant, make: impl FnOnce() -> T) -> &mut T {
        let state = match self.known.remove(&flow) {
            Some((_, state)) => state,
            None => make(),
        };
        self.insert(flow, now, state)
    }

    pub(crate) fn remove(&mut self, flow: &Flow) -> Option<T> {
        self.known.remove(flow).map(|(_, state)| state)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Flow, &T)> {
        self.known.iter().map(|(flow, (_, state))| (flow, state))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&Flow, &mut T)> {
        self.known
            .iter_mut()
            .map(|(flow, (_, state))| (flow, state))
    }
}
