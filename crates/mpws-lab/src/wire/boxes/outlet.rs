//! Boxes that look at TCP segments only, and how they send.

use super::machine::{Handling, Machine, Parcel};
use super::segment::Segment;
use crate::topology::End;
use std::time::Instant;

/// A box that is shown TCP segments; everything else passes it.
pub(crate) trait OnSegments: Send {
    /// Takes a segment that came from this end. `frame` is the same segment as it came.
    fn segment(
        &mut self,
        from: End,
        segment: Segment,
        frame: Vec<u8>,
        now: Instant,
        out: &mut Outlet<'_>,
    );

    /// As [`Machine::due`].
    fn due(&self) -> Option<Instant> {
        None
    }

    /// As [`Machine::tick`].
    fn tick(&mut self, now: Instant, out: &mut Outlet<'_>) {
        let _ = (now, out);
    }
}

/// Makes a [`Machine`] of an [`OnSegments`].
#[derive(Debug)]
pub(crate) struct TcpOnly<B> {
    path: u8,
    inner: B,
}

/// Where a box puts what it sends.
#[derive(Debug)]
pub(crate) struct Outlet<'a> {
    path: u8,
    out: &'a mut Vec<Parcel>,
}

impl<B> TcpOnly<B> {
    /// `path` is where the box stands, from 1.
    pub(crate) fn new(path: u8, inner: B) -> Self {
        Self { path, inner }
    }
}

impl<B: OnSegments> Machine for TcpOnly<B> {
    fn take(&mut self, from: End, frame: Vec<u8>, now: Instant, out: &mut Vec<Parcel>) {
        let mut out = Outlet {
            path: self.path,
            out,
        };
        match Segment::parse(&frame) {
            Some(segment) => self.inner.segment(from, segment, frame, now, &mut out),
            None => out.pass(from, frame),
        }
    }

    fn due(&self) -> Option<Instant> {
        self.inner.due()
    }

    fn tick(&mut self, now: Instant, out: &mut Vec<Parcel>) {
        let path = self.path;
        self.inner.tick(now, &mut Outlet { path, out });
    }
}

impl<'a> Outlet<'a> {
    pub(crate) fn new(path: u8, out: &'a mut Vec<Parcel>) -> Self {
        Self { path, out }
    }

    /// A frame goes on as it came from this end.
    pub(crate) fn pass(&mut self, from: End, frame: Vec<u8>) {
        self.put(self.path, from.other(), frame, Handling::Passed);
    }

    /// A segment from this end goes on changed.
    pub(crate) fn rewritten(&mut self, from: End, segment: &Segment) {
        self.put(
            self.path,
            from.other(),
            segment.frame(),
            Handling::Rewritten,
        );
    }

    /// A segment that nobody sent goes towards this end.
    pub(crate) fn forged(&mut self, towards: End, segment: &Segment) {
        self.put(self.path, towards, segment.frame(), Handling::Forged);
    }

    /// A frame that nobody sent goes towards this end.
    pub(crate) fn forged_frame(&mut self, towards: End, frame: Vec<u8>) {
        self.put(self.path, towards, frame, Handling::Forged);
    }

    /// Anything else.
    pub(crate) fn put(&mut self, path: u8, towards: End, frame: Vec<u8>, handling: Handling) {
        self.out.push(Parcel {
            path,
            towards,
            frame,
            handling,
        });
    }
}
