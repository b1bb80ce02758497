//! The total that fits the rows of a page.

/// Returns the exact total of a history in which each write that overlaps the request is either seen or
/// not. It does not contradict the rows of the page: it is at least `from` plus their number, a page
/// shorter than `limit` ends exactly at it, and an empty page lies at or beyond it.
///
/// Counts and rows were read one after the other, so each may have seen other writes. Let `counted`
/// be the length of the history that the counts saw, and `n` that of the one that the rows saw. The
/// two differ only by writes that overlap the request, each worth one session. Taking these one at
/// a time leads from one history to the other in steps of one, so every number between `counted`
/// and `n` is the length of such a history. A page of `limit` rows says that `n` is at least
/// `from + limit`, a shorter one that `n` is `from + rows`, and an empty one that `n` is at most
/// `from`.
pub(super) fn reconcile(counted: u64, from: u64, limit: usize, rows: usize) -> u64 {
    let end = from.saturating_add(rows as u64);
    match rows {
        _ if limit == 0 => counted,
        0 => counted.min(from),
        rows if rows < limit => end,
        _ => counted.max(end),
    }
}

#[cfg(test)]
mod tests {
    use super::reconcile;

    #[test]
    fn fitting_total_is_kept() {
        assert_eq!(reconcile(137, 0, 20, 20), 137);
        assert_eq!(reconcile(137, 120, 20, 17), 137);
        assert_eq!(reconcile(137, 117, 20, 20), 137);
        assert_eq!(reconcile(137, 137, 20, 0), 137);
        assert_eq!(reconcile(137, 500, 20, 0), 137);
        assert_eq!(reconcile(0, 0, 20, 0), 0);
        // Where no rows are asked for, none tell anything.
        assert_eq!(reconcile(137, 500, 0, 0), 137);
        assert_eq!(reconcile(137, 5, 0, 0), 137);
    }

    #[test]
    fn contradicting_total_becomes_the_nearest() {
        assert_eq!(reconcile(137, 120, 20, 20), 140);
        assert_eq!(reconcile(137, 120, 20, 16), 136);
        assert_eq!(reconcile(137, 120, 20, 18), 138);
        assert_eq!(reconcile(137, 136, 20, 0), 136);
    }
}
