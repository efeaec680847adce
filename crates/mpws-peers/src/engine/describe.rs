//! Whether there is an engine, for people.

use super::error::EngineError;

/// Version of the engine in which peers can run, such as `Docker Engine 28.2.2 (API 1.50)`.
///
/// # Errors
///
/// [`EngineError`], with what to do about it; [`EngineError::NotBuilt`] without the cargo feature
/// `containers`.
pub fn describe_engine() -> Result<String, EngineError> {
    #[cfg(feature = "containers")]
    return Ok(super::client::Engine::for_containers()?.describe());
    #[cfg(not(feature = "containers"))]
    Err(EngineError::NotBuilt)
}
