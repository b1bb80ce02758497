//! The checks that the fuzz targets run; the project's tests run them on the stored inputs.

#[path = "../../tests/it/checks.rs"]
pub mod checks;
