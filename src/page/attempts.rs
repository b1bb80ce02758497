//! Decides whether an attempt to read a page is accepted, and if not, how the next one reads.
//!
//! | reads of the attempt | counts and rows | what follows |
//! | --- | --- | --- |
//! | either | agree | the page is accepted |
//! | eventually consistent | disagree | all reads of the next attempt are strongly consistent |
//! | strongly consistent | disagree, and writes [explain](Verdict::Explained) it in every room | the page is accepted |
//! | strongly consistent | a room's tally is [wrong](Verdict::Wrong) | the next attempt counts that room's sessions |
//! | strongly consistent | disagree, and it is [unclear](Verdict::Unclear) whether a room's tally is wrong | another attempt; if this was the 4th or a later one, it counts that room's sessions |
//!
//! A wrong tally disagrees in every attempt, and while its room is being written to, it cannot be told
//! from a right one. So that the attempts end, each rejected one from the 4th on has the
//! sessions of at least one more room counted; a room whose sessions are counted never disagrees.

use super::disagreement::{Disagreement, Verdict, judge};
use super::error::ReadError;
use super::reader::DistrustedRooms;
use crate::table::{Consistency, Table};

/// Number of attempts after which a tally that may be wrong is no longer used.
const WITH_TALLIES: usize = 4;

/// The attempts at one page so far.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    rejected: usize,
    has_waited: bool,
    /// Rooms whose sessions the next attempt counts.
    pub distrusted: DistrustedRooms,
}

impl Attempts {
    /// Returns whether the next attempt's reads are eventually or strongly consistent.
    pub fn consistency(&self) -> Consistency {
        if self.rejected == 0 { Consistency::Eventual } else { Consistency::Strong }
    }

    /// Returns whether the page of an attempt with these disagreements is accepted. If not, `self` then
    /// says how the next attempt reads.
    pub async fn accept(
        &mut self,
        table: &Table,
        disagreements: &[Disagreement],
    ) -> Result<bool, ReadError> {
        let Some(first) = disagreements.first() else {
            return Ok(true);
        };
        let consistency = self.consistency();
        self.rejected += 1;
        if consistency == Consistency::Strong {
            let verdicts = judge(table, disagreements, &mut self.has_waited).await?;
            if verdicts.iter().all(|verdict| *verdict == Verdict::Explained) {
                return Ok(true);
            }
            for (room, verdict) in disagreements.iter().zip(verdicts) {
                let is_last = self.rejected >= WITH_TALLIES && verdict == Verdict::Unclear;
                if verdict == Verdict::Wrong || is_last {
                    self.distrusted.insert(table.name(), room.room_id(), &room.reason());
                }
            }
        }
        let reason = format!("room {:?}: {}", first.room_id(), first.reason());
        tracing::debug!(reason, ?consistency, "reading the page again");
        Ok(false)
    }
}
