//! Labels on everything that is made here, and the names that it gets.

/// What it is: `base`, `peer` or [`PROBE`]; containers of the launcher carry the `peer` of their
/// image.
pub const KIND: &str = "mpws.kind";
/// The kind of a container that is asked what its base holds.
pub const PROBE: &str = "probe";
pub use crate::engine::owner::RUN;
/// Whose it is; see [`crate::Images::scoped`].
pub const SCOPE: &str = "mpws.scope";
/// The hash of what it was made of.
pub const CONTENT: &str = "mpws.content";
/// Library and version, such as `websockets-13.1`.
pub const PEER: &str = "mpws.peer";
/// Name of the library.
pub const LIBRARY: &str = "mpws.library";
/// Version of the library.
pub const VERSION: &str = "mpws.version";
/// The [`crate::Base`], as a word.
pub const BASE: &str = "mpws.base";
/// The Debian packages that a base has for blind peers, with a space between them.
pub const PACKAGES: &str = "mpws.packages";
/// Id of the base's image.
pub const BASE_ID: &str = "mpws.base-id";
/// Version of Python, such as `3.11.2`.
pub const PYTHON: &str = "mpws.python";
/// The C library, such as `glibc 2.36`.
pub const LIBC: &str = "mpws.libc";
/// Path of the interpreter inside.
pub const INTERPRETER: &str = "mpws.interpreter";
/// Date of the Debian suite that a base was made of, in seconds since 1970.
pub const SUITE_DATE: &str = "mpws.suite-date";

/// Repository of peers' images.
pub const PEER_REPOSITORY: &str = "mpws-peer";

/// Repository of the bases that are made of Debian packages.
pub const BASE_REPOSITORY: &str = "mpws-base";

/// The user that peers run as inside, `UID:GID`; it has no name there.
pub const USER: &str = "65532:65532";

/// [`KIND`] of a peer's image.
pub(super) const PEER_KIND: &str = "peer";

/// [`KIND`] of a base.
pub(super) const BASE_KIND: &str = "base";
