//! The outcome of recording sessions.

use crate::record::place::Placed;

/// Numbers of sessions created, changed and left unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Recorded {
    /// Were not there; they are now, and are counted.
    pub new: u64,
    /// Were there, and have new values in some of their mutable fields.
    pub changed: u64,
    /// Were there with the same values.
    pub unchanged: u64,
}

impl Recorded {
    pub(crate) fn count(&mut self, placed: Placed) {
        match placed {
            Placed::New => self.new += 1,
            Placed::Changed => self.changed += 1,
            Placed::Unchanged => self.unchanged += 1,
        }
    }
}

impl std::ops::AddAssign for Recorded {
    fn add_assign(&mut self, other: Self) {
        self.new += other.new;
        self.changed += other.changed;
        self.unchanged += other.unchanged;
    }
}
