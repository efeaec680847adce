//! What a capture shows, for programs and for people.
//!
//! [`Report`] is a public format: its version is [`SCHEMA`], the JSON schema is
//! `docs/schemas/capture.schema.json`, and [`render`] shows it as text. Places are counted in bytes
//! from 0, times are nanoseconds.

mod dissect;
mod event;
mod format;
mod text;
mod timeline;

pub use dissect::Dissection;
pub use event::{Delivery, Entry, Event, Opening};
pub use format::{
    ConnectionReport, FileSummary, JoinReport, Report, SCHEMA, StreamReport, SubflowEnd,
    SubflowReport,
};
pub use text::{Detail, render};
