//! Rows of any values: canal-json is JSON and says which row it was, csv has one line for each.
#![no_main]

use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tidegate_codec::{BinaryEncoding, CanalJsonEncoder, CanalJsonOptions, CsvEncoder, CsvOptions, Encoder};
use tidegate_fuzz::{blocks, table};
use tidegate_model::Ts;

fuzz_target!(|data: &[u8]| {
    let Some((choice, data)) = data.split_first() else {
        return;
    };
    let flag = |bit: u8| choice & (1 << bit) != 0;
    let mut json = CanalJsonEncoder::new(CanalJsonOptions {
        enable_tidb_extension: flag(0),
        only_output_updated_columns: flag(1),
        delete_only_output_handle_key_columns: flag(2),
        content_compatible: flag(3),
        terminator: "\r\n".to_owned(),
        time_zone: TimeZone::UTC,
    });
    let mut csv = CsvEncoder::new(CsvOptions {
        delimiter: ",".to_owned(),
        quote: flag(0).then_some('"'),
        null: "\\N".to_owned(),
        include_commit_ts: flag(1),
        binary_encoding: if flag(2) {
            BinaryEncoding::Base64
        } else {
            BinaryEncoding::Hex
        },
        output_old_value: flag(4),
        output_handle_key: flag(5),
        output_field_header: flag(6),
        terminator: "\r\n".to_owned(),
        time_zone: TimeZone::UTC,
    });
    let table = table("t");
    for block in blocks(&table, data) {
        for row in block.rows() {
            let mut out = Vec::new();
            if json.row(row, Ts::from_u64(7), 1, &mut out).is_ok() {
                let value: Value = serde_json::from_slice(&out).expect("JSON");
                assert_eq!(value["table"], "t");
                let id = row.after().or(row.before()).expect("an image").get(0);
                let tidegate_model::Datum::Int(id) = id else {
                    panic!("the key is a number");
                };
                assert_eq!(value["data"][0]["id"], Value::String(id.to_string()));
            }
            out.clear();
            csv.start_file(&table, &mut out);
            if csv.row(row, Ts::from_u64(7), 1, &mut out).is_ok() {
                assert!(out.ends_with(b"\r\n"));
            }
        }
    }
});
