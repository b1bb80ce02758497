//! The surroundings of a Lambda function: its configuration, log and deadline.

#[cfg(feature = "client")]
pub mod config;
#[cfg(any(feature = "api", feature = "stream"))]
pub mod deadline;
#[cfg(any(feature = "api", feature = "stream"))]
pub mod logging;
#[cfg(any(feature = "api", feature = "stream"))]
pub mod process;
