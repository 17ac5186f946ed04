//! What the server still has of its log.

use tidegate_mysql::{GtidSet, Position, file_number};

/// How far back the log goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Kept {
    /// Names and sizes of its files, oldest first; never empty.
    pub(crate) files: Vec<(String, u64)>,
    /// Everything before the oldest file; `None`: the server has no GTIDs, or does not tell.
    pub(crate) purged: Option<GtidSet>,
}

impl Kept {
    /// Whether reading can go on from `position`. File names tell nothing about a position with GTIDs: another server
    /// may have taken the place of the one that it is from.
    pub(crate) fn reaches(&self, position: &Position) -> bool {
        match (&position.gtid, &self.purged) {
            (Some(have), Some(purged)) => have.is_superset(purged),
            // Whether it can is for the dump to tell.
            (Some(_), None) => true,
            (None, _) => {
                let oldest = self.files.first().map_or(0, |(name, _)| file_number(name));
                file_number(&position.file) >= oldest
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gtids_decide_where_there_are_any() {
        let kept = |purged: Option<&str>| Kept {
            files: vec![("b.000042".to_owned(), 9)],
            purged: purged.map(|set| GtidSet::parse_mariadb(set).unwrap()),
        };
        let check = |gtid: Option<&str>, file: &str, purged, expect| {
            let position = Position {
                gtid: gtid.map(|set| GtidSet::parse_mariadb(set).unwrap()),
                file: file.into(),
                offset: 4,
            };
            assert_eq!(kept(purged).reaches(&position), expect, "{position} {purged:?}");
        };
        check(Some("0-1-5"), "b.000007", Some("0-1-5"), true);
        check(Some("0-1-5"), "b.000099", Some("0-1-6"), false);
        check(Some("0-1-5"), "b.000007", None, true);
        check(None, "b.000042", Some("0-1-6"), true);
        check(None, "b.000041", None, false);
    }
}
