//! The whole history: a projection of the table into a second one, in which all rooms' sessions are
//! one room, in one order.
//!
//! The stream function *projects* the sessions of a batch: it reads each as it is now and records or
//! deletes it in the history table. *Reconciling* does the same for the whole table: the first build,
//! and repairs.

pub(crate) mod project;
mod projected_row;
pub(crate) mod reconcile;
