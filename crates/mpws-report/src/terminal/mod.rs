//! Progress while the run goes on, and the account at its end.

mod claims;
mod paint;
mod progress;
mod summary;

pub use paint::Paint;
pub use progress::Progress;
pub use summary::render;
