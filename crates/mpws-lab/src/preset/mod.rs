//! Conditions of a path by name: usual middleboxes and link qualities, as a user types them.
//!
//! A [`PathSpec`] is a list of `key` or `key=value`, separated by commas, for example
//! `rate=20mbit,delay=30ms,strip=mp_join`. Boxes stand in the order in which they are named, the
//! first nearest to the path's first host; link qualities hold for both directions, behind the
//! boxes. [`OnPath`] names the path too: `1:strip=syn`. [`KEYS`] are all keys, [`PRESETS`] the
//! middlebox models that are known to matter to MPTCP, with what each does to a connection.
//!
//! ```
//! use mpws_lab::preset::{OnPath, PathSpec};
//!
//! let on_path: OnPath = "2:rate=20mbit,delay=30ms,strip=mp_join".parse()?;
//! assert_eq!(on_path.path, 2);
//! assert_eq!(on_path.to_string(), "2:rate=20mbit,delay=30ms,strip=mp_join");
//! let wrong = "srtip".parse::<PathSpec>().unwrap_err();
//! assert_eq!(wrong.to_string(), "unknown key `srtip`; did you mean `strip`?");
//! # Ok::<(), mpws_lab::preset::SpecError>(())
//! ```

mod error;
mod item;
mod models;
mod spec;
mod units;
mod value;

pub use error::SpecError;
pub use item::{KEYS, Key};
pub use models::{PRESETS, Preset};
pub use spec::{OnPath, PathSpec};
