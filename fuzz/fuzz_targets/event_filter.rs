//! Any text as a condition of an event filter, applied to rows made of the same bytes; and as an `ignore_sql`.
#![no_main]

use std::sync::Arc;

use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;
use tidegate_filter::{EventFilter, EventRule, RowFilter};
use tidegate_fuzz::{blocks, table};
use tidegate_model::Ts;

fuzz_target!(|text: &str| {
    let (condition, sql) = text.split_once('\n').unwrap_or((text, ""));
    let (all, ignore_sql) = (["*.*".to_owned()], [sql.to_owned()]);
    let rule = EventRule {
        matcher: &all,
        ignore_event: &[],
        ignore_sql: if sql.is_empty() { &[] } else { &ignore_sql },
        insert: condition,
        update_old: condition,
        update_new: condition,
        delete: condition,
    };
    let Ok(filter) = EventFilter::new(&[rule], TimeZone::UTC) else {
        return;
    };
    let mut rows = blocks(&table("t"), text.as_bytes());
    let before: usize = rows.iter().map(|block| block.len()).sum();
    // A condition that does not fit the table is an error.
    if let Ok(dropped) = RowFilter::new(Arc::new(filter)).apply(&mut rows, Ts::from_u64(1)) {
        let after: usize = rows.iter().map(|block| block.len()).sum();
        let dropped = usize::try_from(dropped).expect("few");
        // Of an update that changes a key, a half may stay.
        assert!(after <= before && before - after <= dropped && dropped <= before);
    }
});
