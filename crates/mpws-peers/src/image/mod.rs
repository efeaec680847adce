//! Images for peers in containers: built once from files that are part of this program, found again
//! by content.
//!
//! One image holds one library version on one [`Base`], and all its implementations, or one blind
//! peer. Its name is `mpws-peer:CONTENT`, where the content is a hash of the Dockerfile, the base's
//! id and all that is put in: pinned requirements and the adapter's files, or a blind peer's files
//! and commands; what has the name needs no building. When a newer content of the same base and
//! version is built, the older image goes. The base of a blind peer has its Debian packages. A
//! program that is put into its container by a mount has the base itself. Everything that is made
//! here carries [labels], by which [`Images::clean`] finds it and nothing else.
//!
//! Builds go through the engine's classic builder (bollard, which asks for it by default), not
//! through BuildKit: the layers of the classic builder are images with labels, which go with the
//! image or can be found; the cache of BuildKit has no owner, so nobody could say which part of it
//! is ours.
//!
//! The functions wait for the engine and must not be called within an asynchronous task;
//! `spawn_blocking` is fine.

mod base;
#[cfg(feature = "containers")]
mod build;
#[cfg(feature = "containers")]
mod clean;
#[cfg(feature = "containers")]
mod content;
#[cfg(feature = "containers")]
mod context;
#[cfg(feature = "containers")]
mod error;
#[cfg(feature = "containers")]
mod images;
#[cfg(feature = "containers")]
pub mod labels;
#[cfg(feature = "containers")]
mod list;
#[cfg(feature = "containers")]
mod probe;
#[cfg(feature = "containers")]
mod recipe;
#[cfg(feature = "containers")]
mod store;
#[cfg(feature = "containers")]
mod wanted;

pub use base::{Base, BaseError};
#[cfg(feature = "containers")]
pub(crate) use context::{ADAPTER, PROGRAM, SITE, VERSION_FILE};
#[cfg(feature = "containers")]
pub use {
    clean::Cleaned,
    error::ImageError,
    images::{BuiltImage, Images},
    labels::{BASE_REPOSITORY, PEER_REPOSITORY, USER},
    list::{Condition, LIST_SCHEMA, ListedImage, Listing, schema},
    store::ENGINE_DEADLINE,
    wanted::image_name,
};
