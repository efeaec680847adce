//! Conditions put on a path, and taken away.

use crate::error::PathError;
use crate::lab::{BoxId, Lab};
use crate::preset::PathSpec;
use crate::shape::Shape;
use crate::topology::End;
use std::io;

/// What a condition has put on a path.
#[derive(Debug)]
pub struct Applied {
    path: u8,
    boxes: Vec<(String, BoxId)>,
    shaped: bool,
}

impl Applied {
    /// Number of the path that the condition was put on, from 1.
    pub fn path(&self) -> u8 {
        self.path
    }

    /// Its boxes, each with the name that stands in the capture.
    pub fn boxes(&self) -> &[(String, BoxId)] {
        &self.boxes
    }
}

impl Lab {
    /// Puts a condition on a path: its boxes behind those that stand there, and the link's
    /// qualities, if it names any, in the place of those that hold, in both directions.
    ///
    /// # Errors
    /// [`PathError::NoSuchPath`] where the lab lacks the path or one that the condition names,
    /// [`PathError::Senseless`] where the condition cannot hold there: then nothing has changed.
    /// [`PathError::Lab`] when the lab has ended.
    pub fn apply(&self, path: u8, spec: &PathSpec) -> Result<Applied, PathError> {
        let topology = self.topology();
        if !topology.has_path(path) {
            return Err(PathError::NoSuchPath { path });
        }
        let [first, second] = [End::First, End::Second].map(|end| topology.host_at(path, end));
        let boxes = spec.boxes(first, second);
        for one in &boxes {
            one.check(topology, path)?;
        }
        let mut applied = Applied {
            path,
            boxes: Vec::new(),
            shaped: false,
        };
        if let Some(shape) = spec.shape() {
            self.shape(path, None, &shape)?;
            applied.shaped = true;
        }
        for one in &boxes {
            let id = self.place(path, one)?;
            applied.boxes.push((one.name().to_owned(), id));
        }
        Ok(applied)
    }

    /// Takes a condition away again.
    ///
    /// # Errors
    /// [`PathError::Lab`] when the lab has ended, or when a box of the condition was removed
    /// before.
    pub fn lift(&self, applied: Applied) -> Result<(), PathError> {
        for (_, id) in &applied.boxes {
            self.remove_box(*id)?;
        }
        if applied.shaped {
            self.shape(applied.path, None, &Shape::default())?;
        }
        Ok(())
    }

    /// How many packets the boxes of a condition did not just let by; see [`Lab::box_hits`].
    ///
    /// # Errors
    /// `NotFound` when one of them was removed; `BrokenPipe` when the lab has ended.
    pub fn applied_hits(&self, applied: &Applied) -> io::Result<u64> {
        let hits = applied.boxes.iter().map(|(_, id)| self.box_hits(*id));
        hits.sum()
    }
}
