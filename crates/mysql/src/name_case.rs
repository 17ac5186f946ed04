//! Whether a server tells names of schemas and tables apart by their case.

use std::borrow::Cow;

use tidegate_model::TableName;

/// What `lower_case_table_names` means for names in the binlog.
///
/// With 1 and 2 a server takes `Shop` and `shop` for the same thing. Its rows then name tables in one way and its
/// statements in whatever way they were typed.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub enum NameCase {
    /// Names that differ in case are different (0).
    #[default]
    Exact,
    /// They are the same, and are known here in lower case (1 and 2).
    Lower,
}

impl NameCase {
    /// The name as it is known here.
    pub fn fold(self, name: &str) -> Cow<'_, str> {
        match self {
            NameCase::Lower if name.chars().any(|c| lower(c) != c) => {
                Cow::Owned(name.chars().map(lower).collect())
            }
            _ => Cow::Borrowed(name),
        }
    }

    /// Both parts of the name as they are known here.
    pub fn fold_name(self, name: &mut TableName) {
        for part in [&mut name.schema, &mut name.table] {
            if let Cow::Owned(folded) = self.fold(part) {
                *part = folded.into();
            }
        }
    }
}

/// The servers map character by character, so one that has more than one in lower case stays.
fn lower(c: char) -> char {
    let mut all = c.to_lowercase();
    match (all.next(), all.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_folded_character_by_character() {
        let check = |name: &str, expect: &str| assert_eq!(NameCase::Lower.fold(name), expect);
        check("shop", "shop");
        check("Shop_ÄÖ", "shop_äö");
        check("ΣΑΣ", "σασ");
        check("İx", "İx");
        assert_eq!(NameCase::Exact.fold("Shop"), "Shop");
        let mut name = TableName::new("Shop", "ITEM");
        NameCase::Lower.fold_name(&mut name);
        assert_eq!(name, TableName::new("shop", "item"));
    }
}
