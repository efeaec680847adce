//! A box that lets everything by.

use super::machine::{Handling, Machine, Parcel};
use crate::topology::End;
use std::time::Instant;

#[derive(Debug)]
pub(crate) struct Bridge {
    pub(crate) path: u8,
}

impl Machine for Bridge {
    fn take(&mut self, from: End, frame: Vec<u8>, _: Instant, out: &mut Vec<Parcel>) {
        out.push(Parcel {
            path: self.path,
            towards: from.other(),
            frame,
            handling: Handling::Passed,
        });
    }
}
