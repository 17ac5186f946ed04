//! The worked examples of the formats' documentation, byte for byte.

use tidegate_codec::{CanalJsonEncoder, CanalJsonOptions, CsvEncoder, CsvOptions, Encoder, SchemaFile};
use tidegate_model::{Datum, DdlEvent, DdlKind, DdlSession, DdlTable, ErrorCode, RowOp, TableName, Ts};

use crate::support::*;

const NOW_MS: u64 = 1_714_566_605_000;

fn encode(mut encoder: impl Encoder) -> String {
    let mut out = Vec::new();
    for (block, ts) in changes() {
        encoder.row(block.row(0), ts, NOW_MS, &mut out).unwrap();
    }
    String::from_utf8(out).unwrap()
}

fn canal(change: impl FnOnce(&mut CanalJsonOptions)) -> CanalJsonEncoder {
    let mut options = CanalJsonOptions {
        enable_tidb_extension: true,
        terminator: "\n".to_owned(),
        ..CanalJsonOptions::default()
    };
    change(&mut options);
    CanalJsonEncoder::new(options)
}

fn csv(change: impl FnOnce(&mut CsvOptions)) -> CsvEncoder {
    let mut options = CsvOptions {
        terminator: "\n".to_owned(),
        include_commit_ts: true,
        ..CsvOptions::default()
    };
    change(&mut options);
    CsvEncoder::new(options)
}

fn add_note() -> DdlEvent {
    DdlEvent {
        start_ts: Ts::from_u64(449_463_347_642_368_000),
        commit_ts: Ts::from_u64(449_463_347_642_368_001),
        kind: DdlKind::AddColumn,
        schema: "shop".into(),
        query: "ALTER TABLE `shop`.`orders` ADD COLUMN `note` VARCHAR(64)".into(),
        tables: vec![DdlTable {
            name: orders().name.clone(),
            old_name: None,
            info: Some(orders_with_note()),
        }],
        target_schema: None,
        session: DdlSession::default(),
        origin: "".into(),
    }
}

const SQL_TYPE: &str = r#"{"id":-5,"sku":12,"qty":4,"price":3,"state":4,"tag":2004,"placed":93}"#;
const MYSQL_TYPE: &str = r#"{"id":"bigint unsigned","sku":"varchar","qty":"int","price":"decimal","state":"enum","tag":"varbinary","placed":"timestamp"}"#;
const FIRST: &str = r#"{"id":"7","sku":"A-1","qty":"2","price":"19.90","state":"1","tag":"\u0000ÿA","placed":"2024-05-01 12:30:00.250"}"#;
const SECOND: &str = r#"{"id":"7","sku":"A-1","qty":"3","price":"19.90","state":"2","tag":null,"placed":"2024-05-01 12:30:00.250"}"#;

fn document(kind: &str, es: u64, old: &str, data: &str, ts: u64) -> String {
    format!(
        r#"{{"id":0,"database":"shop","table":"orders","pkNames":["id"],"isDdl":false,"type":"{kind}","es":{es},"ts":{NOW_MS},"sql":"","sqlType":{SQL_TYPE},"mysqlType":{MYSQL_TYPE},"old":{old},"data":[{data}],"_tidb":{{"commitTs":{ts}}}}}"#
    )
}

#[test]
fn canal_json_rows() {
    let expect = [
        document(
            "INSERT",
            1_714_566_600_250,
            "null",
            FIRST,
            449_463_346_855_936_001,
        ),
        document(
            "UPDATE",
            1_714_566_601_250,
            &format!("[{FIRST}]"),
            SECOND,
            449_463_347_118_080_001,
        ),
        document(
            "DELETE",
            1_714_566_602_250,
            "null",
            SECOND,
            449_463_347_380_224_001,
        ),
    ];
    assert_eq!(encode(canal(|_| ())).lines().collect::<Vec<_>>(), expect);
}

#[test]
fn canal_json_can_show_only_what_an_update_changed() {
    let text = encode(canal(|o| o.only_output_updated_columns = true));
    assert!(
        text.contains(r#""old":[{"qty":"2","state":"1","tag":"\u0000ÿA"}],"data""#),
        "{text}"
    );
}

#[test]
fn canal_json_deletes_can_be_reduced_to_the_handle_key() {
    let text = encode(canal(|o| o.delete_only_output_handle_key_columns = true));
    let delete = text.lines().last().unwrap();
    assert!(delete.contains(
        r#""sqlType":{"id":-5},"mysqlType":{"id":"bigint unsigned"},"old":null,"data":[{"id":"7"}]"#
    ));
}

#[test]
fn canal_json_without_the_extension_ends_with_the_data() {
    let text = encode(canal(|o| o.enable_tidb_extension = false));
    assert!(text.lines().all(|line| line.ends_with("}]}")), "{text}");
}

#[test]
fn canal_json_ddl_and_watermark() {
    let encoder = canal(|_| ());
    let mut out = Vec::new();
    encoder.ddl(&add_note(), NOW_MS, &mut out);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        r#"{"id":0,"database":"shop","table":"orders","pkNames":null,"isDdl":true,"type":"ALTER","es":1714566603250,"ts":1714566605000,"sql":"ALTER TABLE `shop`.`orders` ADD COLUMN `note` VARCHAR(64)","sqlType":null,"mysqlType":null,"data":null,"old":null,"_tidb":{"commitTs":449463347642368001}}"#
    );
    let mut out = Vec::new();
    encoder.watermark(Ts::from_u64(449_463_347_904_512_000), NOW_MS, &mut out);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        r#"{"id":0,"database":"","table":"","pkNames":null,"isDdl":false,"type":"TIDB_WATERMARK","es":1714566604250,"ts":1714566605000,"sql":"","sqlType":null,"mysqlType":null,"data":null,"old":null,"_tidb":{"watermarkTs":449463347904512000}}"#
    );
}

#[test]
fn csv_rows() {
    assert_eq!(
        encode(csv(|_| ())),
        "\"I\",\"orders\",\"shop\",449463346855936001,7,\"A-1\",2,\"19.90\",\"new\",\"AP9B\",\"2024-05-01 12:30:00.250\"\n\
         \"U\",\"orders\",\"shop\",449463347118080001,7,\"A-1\",3,\"19.90\",\"paid\",\\N,\"2024-05-01 12:30:00.250\"\n\
         \"D\",\"orders\",\"shop\",449463347380224001,7,\"A-1\",3,\"19.90\",\"paid\",\\N,\"2024-05-01 12:30:00.250\"\n"
    );
}

#[test]
fn csv_updates_with_old_values_are_two_lines() {
    let text = encode(csv(|o| o.output_old_value = true));
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 4);
    assert!(lines[0].starts_with(r#""I","orders","shop",449463346855936001,false,7"#));
    assert!(lines[1].starts_with(r#""D","orders","shop",449463347118080001,true,7,"A-1",2"#));
    assert!(lines[2].starts_with(r#""I","orders","shop",449463347118080001,true,7,"A-1",3"#));
    assert!(lines[3].starts_with(r#""D","orders","shop",449463347380224001,false,7"#));
}

#[test]
fn csv_header_names_every_value_of_a_line() {
    let mut encoder = csv(|o| {
        o.output_field_header = true;
        o.output_old_value = true;
        o.output_handle_key = true;
    });
    let mut out = Vec::new();
    encoder.start_file(&orders(), &mut out);
    let header = String::from_utf8(out).unwrap();
    assert_eq!(
        header,
        "ticdc-meta$operation,ticdc-meta$table,ticdc-meta$schema,ticdc-meta$commit-ts,ticdc-meta$is-update,\
         ticdc-meta$handle-key,id,sku,qty,price,state,tag,placed\n"
    );
    let text = encode(encoder);
    assert!(
        text.starts_with(r#""I","orders","shop",449463346855936001,false,"7",7,"A-1""#),
        "{text}"
    );
}

#[test]
fn csv_strings_are_quoted_or_escaped() {
    let t = table("t", vec![column("s", tidegate_model::ColumnType::Text)], &[]);
    let line = |text: &[u8], change: &dyn Fn(&mut CsvOptions)| {
        let block = block(&t, RowOp::Insert, &[vec![Datum::Text(text)]]);
        let mut out = Vec::new();
        let mut encoder = csv(|o| {
            o.include_commit_ts = false;
            change(o);
        });
        encoder.row(block.row(0), Ts::ZERO, 0, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    let quoted = |text: &[u8]| line(text, &|_| ());
    assert_eq!(quoted(b"a\"b\r\n,\\"), "\"I\",\"t\",\"shop\",\"a\"\"b\r\n,\\\"\n");
    assert_eq!(quoted(b"\\N"), "\"I\",\"t\",\"shop\",\"\\N\"\n");
    assert_eq!(quoted(b"\xff"), "\"I\",\"t\",\"shop\",\"\u{fffd}\"\n");
    let escaped = |text: &[u8]| {
        line(text, &|o| {
            o.quote = None;
            o.delimiter = "|+".to_owned();
        })
    };
    assert_eq!(escaped(b"a|+b|\r\n\\N"), "I|+t|+shop|+a\\|\\+b|\\r\\n\\\\N\n");
}

#[test]
fn an_incomplete_image_is_refused_and_leaves_no_bytes() {
    let t = orders();
    let mut image = first_image();
    image[3] = Datum::Absent;
    let block = block(&t, RowOp::Insert, &[image]);
    let mut out = b"before".to_vec();
    for encoder in [&mut csv(|_| ()) as &mut dyn Encoder, &mut canal(|_| ())] {
        let error = encoder.row(block.row(0), Ts::ZERO, 0, &mut out).unwrap_err();
        assert_eq!(error.code(), ErrorCode::PartialRowImage);
        assert_eq!(out, b"before");
    }
}

#[test]
fn schema_checksums_are_those_of_the_original() {
    assert_eq!(
        SchemaFile::of_table(&orders(), Ts::ZERO, false).checksum(),
        2_700_674_302
    );
    assert_eq!(
        SchemaFile::of_table(&orders_with_note(), Ts::ZERO, false).checksum(),
        1_835_476_911
    );
    let mut ddl = add_note();
    ddl.target_schema = Some("shop".into());
    assert_eq!(SchemaFile::of_ddl(&ddl, false)[0].1.checksum(), 2_805_160_324);
}

#[test]
fn a_schema_file_has_the_documented_form() {
    let files = SchemaFile::of_ddl(&add_note(), false);
    let [(name, file)] = &files[..] else {
        panic!("one table, one file")
    };
    assert_eq!(tidegate_codec::schema_dir(name), "shop/orders/meta");
    assert_eq!(file.file_name(), "schema_449463347642368001_1835476911.json");
    assert_eq!(
        SchemaFile::parse_name(&file.file_name()),
        Some((Ts::from_u64(449_463_347_642_368_001), 1_835_476_911))
    );
    for other in ["schema_7_1.json", "schema_x_1835476911.json", "CDC.index"] {
        assert_eq!(SchemaFile::parse_name(other), None);
    }
    let text = String::from_utf8(file.content()).unwrap();
    crate::every_type::golden("schema_add_note.json", text.as_bytes());
    let parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(parsed["TableColumnsTotal"], 8);
    assert_eq!(parsed["TableColumns"][4]["ColumnDefault"], "new");
}

/// Every table of a statement used to get the whole text: who applied all files dropped each table several times, and
/// unqualified names were read in the wrong schema.
#[test]
fn a_statement_over_several_tables_is_split_for_their_files() {
    let table = |name: (&str, &str), old: Option<(&str, &str)>| DdlTable {
        name: TableName::new(name.0, name.1),
        old_name: old.map(|(schema, table)| TableName::new(schema, table)),
        info: None,
    };
    let check = |kind: DdlKind, query: &str, tables: Vec<DdlTable>, expect: &[&str]| {
        let ddl = DdlEvent {
            kind,
            query: query.into(),
            tables,
            ..add_note()
        };
        let queries: Vec<_> = SchemaFile::of_ddl(&ddl, false)
            .iter()
            .map(|(_, file)| {
                let file: serde_json::Value = serde_json::from_slice(&file.content()).unwrap();
                file["Query"].as_str().unwrap().to_owned()
            })
            .collect();
        assert_eq!(queries, expect);
    };
    check(
        DdlKind::DropTable,
        "DROP TABLE a, other.`b``c`",
        vec![table(("shop", "a"), None), table(("other", "b`c"), None)],
        &[
            "DROP TABLE IF EXISTS `shop`.`a`",
            "DROP TABLE IF EXISTS `other`.`b``c`",
        ],
    );
    check(
        DdlKind::DropView,
        "DROP VIEW v, w",
        vec![table(("shop", "v"), None), table(("shop", "w"), None)],
        &["DROP VIEW IF EXISTS `shop`.`v`", "DROP VIEW IF EXISTS `shop`.`w`"],
    );
    check(
        DdlKind::RenameTable,
        "RENAME TABLE a TO b, c TO other.d",
        vec![
            table(("shop", "b"), Some(("shop", "a"))),
            table(("other", "d"), Some(("shop", "c"))),
        ],
        &[
            "RENAME TABLE `shop`.`a` TO `shop`.`b`",
            "RENAME TABLE `shop`.`c` TO `other`.`d`",
        ],
    );
    let one = "drop table a /* as written */";
    check(DdlKind::DropTable, one, vec![table(("shop", "a"), None)], &[one]);
    let exchange = "ALTER TABLE p EXCHANGE PARTITION p0 WITH TABLE t";
    check(
        DdlKind::ExchangePartition,
        exchange,
        vec![table(("shop", "p"), None), table(("shop", "t"), None)],
        &[exchange, exchange],
    );
}
