//! Events that only MySQL writes, made by hand from its documentation.

use std::sync::Arc;

use bytes::Bytes;
use tidegate_model::{ColumnType, Datum, ErrorCode, RowBlock, TableId, TableInfo, Ts};
use tidegate_mysql::binlog::{
    CollationTable, EventBody, EventHeader, Framer, HEADER_BYTES, TableMap, TablePlan, event_type,
    fingerprint,
};
use tidegate_mysql::{Flavour, GtidSet};

use super::decode::{Decoder, write_block};

const TABLE_NUMBER: [u8; 6] = [9, 0, 0, 0, 0, 0];

/// An event with its checksum.
fn event(event_type: u8, flags: u16, body: &[u8]) -> Bytes {
    let header = header(event_type, flags, body.len() + 4);
    let mut packet = [&header.to_bytes()[..], body].concat();
    packet.extend(header.checksum(body).to_le_bytes());
    packet.into()
}

fn header(event_type: u8, flags: u16, body_bytes: usize) -> EventHeader {
    EventHeader {
        timestamp: 1_700_000_000,
        event_type,
        server_id: 7,
        size: (HEADER_BYTES + body_bytes) as u32,
        end_pos: 1234,
        flags,
    }
}

fn format_description(checksum: u8) -> Bytes {
    let mut body = vec![4, 0];
    let mut version = b"8.4.3".to_vec();
    version.resize(50, 0);
    body.extend(version);
    body.extend([0; 4]);
    body.push(19);
    let mut post_headers = [0; 42];
    post_headers[usize::from(event_type::TABLE_MAP) - 1] = 8;
    body.extend(post_headers);
    body.push(checksum);
    event(event_type::FORMAT_DESCRIPTION, 1, &body)
}

fn framer() -> Framer {
    let mut framer = Framer::new(Flavour::MySql);
    framer.frame(&format_description(1)).unwrap();
    framer
}

fn body_of(event_type: u8, body: &[u8]) -> EventBody {
    framer().frame(&event(event_type, 0, body)).unwrap().body
}

/// A TABLE_MAP body from type bytes, their metadata, NULL bitmap and optional metadata.
fn table_map(types: &[u8], meta: &[u8], nullable: &[u8], optional: &[(u8, &[u8])]) -> Vec<u8> {
    let mut body = TABLE_NUMBER.to_vec();
    body.extend([1, 0, 1, b's', 0, 1, b't', 0, types.len() as u8]);
    body.extend(types);
    body.push(meta.len() as u8);
    body.extend(meta);
    body.extend(nullable);
    for (field, value) in optional {
        body.push(*field);
        body.push(value.len() as u8);
        body.extend(*value);
    }
    body
}

/// A row event of version 2 with some extra data, for all of `columns` columns.
fn rows_body(columns: u8, images: u8, rows: &[u8]) -> Vec<u8> {
    let mut body = TABLE_NUMBER.to_vec();
    body.extend([1, 0, 5, 0, 0xaa, 0xbb, 0xcc, columns]);
    for _ in 0..images {
        body.push(((1_u16 << columns) - 1) as u8);
    }
    body.extend(rows);
    body
}

/// id INT UNSIGNED, j JSON, v VECTOR(2), g GEOMETRY, e TEXT latin1.
fn document_map() -> Vec<u8> {
    table_map(
        &[3, 245, 242, 255, 252],
        &[4, 4, 4, 2],
        &[0b11110],
        &[
            (1, &[0x80]),
            (2, &[8]),
            (4, b"\x02id\x01j\x01v\x01g\x01e"),
            (7, &[0]),
            (8, &[0]),
            (12, &[0xf8]),
            (13, &[2]),
        ],
    )
}

/// {"a": 1}
const DOCUMENT: [u8; 13] = [0, 1, 0, 12, 0, 11, 0, 1, 0, 5, 1, 0, b'a'];

fn document_row(id: u8) -> Vec<u8> {
    let mut row = vec![0, id, 0, 0, 0];
    row.extend([13, 0, 0, 0]);
    row.extend(DOCUMENT);
    row.extend([8, 0, 0, 0, 0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]);
    row.extend([4, 0, 0, 0, 1, 2, 3, 4]);
    row.extend([1, 0, 0xe9]);
    row
}

/// An update of that row: the JSON column of the after image is `diffs`.
fn partial_update(diffs: &[u8]) -> Vec<u8> {
    let mut rows = document_row(1);
    rows.extend([1, 1, 0b11100, 1, 0, 0, 0]);
    rows.extend([diffs.len() as u8, 0, 0, 0]);
    rows.extend(diffs);
    rows_body(5, 2, &rows)
}

fn set_a_to_two() -> Vec<u8> {
    [&[0, 3][..], b"$.a", &[3, 5, 2, 0]].concat()
}

fn payload(events: &[Bytes]) -> Vec<u8> {
    let plain: Vec<u8> = events.iter().flat_map(without_checksum).collect();
    let packed = zstd::encode_all(&plain[..], 1).unwrap();
    let mut body = vec![1, 1, packed.len() as u8, 2, 1, 0, 3, 1, plain.len() as u8, 0];
    body.extend(packed);
    body
}

fn without_checksum(packet: &Bytes) -> Vec<u8> {
    let mut header = EventHeader::parse(packet).unwrap();
    header.size -= 4;
    header.end_pos = 0;
    [&header.to_bytes()[..], &packet[HEADER_BYTES..packet.len() - 4]].concat()
}

fn tagged_gtid() -> Vec<u8> {
    let mut fields = vec![0, 0]; // flags 0
    fields.push(1 << 1);
    fields.extend((0_u8..16).map(|byte| byte << 1)); // UUID, each byte a number
    fields.extend([2 << 1, (5 << 1) << 1]); // gno 5, signed
    fields.extend([3 << 1, 3 << 1]);
    fields.extend(b"tag");
    fields.extend([6 << 1, 0xff, 1, 2, 3, 4, 5, 6, 7, 0]); // immediate commit: nine bytes
    fields.extend([8 << 1, 0b01, 4]); // length: two bytes, 4 << 6
    fields.extend([12 << 1, 2, 3, 4]); // a field of the future
    let mut body = vec![2, ((3 + fields.len()) as u8) << 1, 8 << 1];
    body.extend(fields);
    body
}

/// Streams for the hostile tests.
pub(crate) fn streams() -> Vec<Vec<Bytes>> {
    let map = event(event_type::TABLE_MAP, 0, &document_map());
    let insert = event(event_type::WRITE_ROWS, 0, &rows_body(5, 1, &document_row(1)));
    let partial = event(
        event_type::PARTIAL_UPDATE_ROWS,
        0,
        &partial_update(&set_a_to_two()),
    );
    let packed = payload(&[map.clone(), insert.clone()]);
    vec![vec![
        format_description(1),
        event(event_type::PREVIOUS_GTIDS, 0, &previous_gtids(true)),
        event(event_type::GTID_TAGGED, 0, &tagged_gtid()),
        map,
        insert,
        partial,
        event(event_type::TRANSACTION_PAYLOAD, 0, &packed),
        event(
            event_type::XA_PREPARE,
            0,
            &[1, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, b'g', b'b'],
        ),
        event(event_type::INCIDENT, 0, b"\x01\x00\x04lost"),
    ]]
}

fn previous_gtids(tagged: bool) -> Vec<u8> {
    let mut body = if tagged {
        vec![1, 1, 0, 0, 0, 0, 0, 1]
    } else {
        vec![1, 0, 0, 0, 0, 0, 0, 0]
    };
    body.extend([7; 16]);
    if tagged {
        body.extend([1 << 1, b'x']);
    }
    for number in [1_u64, 1, 6] {
        body.extend(number.to_le_bytes());
    }
    body
}

fn decode(packets: &[Bytes]) -> RowBlock {
    let mut decoder = Decoder::new();
    decoder.event(&format_description(1)).unwrap();
    let mut last = None;
    for packet in packets {
        last = decoder.event(packet).unwrap().or(last);
    }
    last.unwrap()
}

fn after(block: &RowBlock) -> Vec<Datum<'_>> {
    block.row(0).after().unwrap().iter().collect()
}

#[test]
fn rows_of_mysql_types() {
    let map = event(event_type::TABLE_MAP, 0, &document_map());
    let insert = event(event_type::WRITE_ROWS, 0, &rows_body(5, 1, &document_row(1)));
    let expect = [
        Datum::UInt(1),
        Datum::Json(r#"{"a": 1}"#),
        Datum::Vector(&[0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]),
        Datum::Geometry(&[1, 2, 3, 4]),
        Datum::Text("é".as_bytes()),
    ];
    assert_eq!(after(&decode(&[map.clone(), insert.clone()])), expect);
    let packed = event(event_type::TRANSACTION_PAYLOAD, 0, &payload(&[map, insert]));
    assert_eq!(after(&decode(&[packed])), expect);
}

#[test]
fn the_table_as_the_log_tells_it() {
    let mut framer = framer();
    let event = framer
        .frame(&event(event_type::TABLE_MAP, 0, &document_map()))
        .unwrap();
    let EventBody::TableMap(event) = event.body else {
        panic!()
    };
    let map = TableMap::parse(&event).unwrap();
    let info = map
        .table_info(TableId(5), Ts::from_u64(6), &CollationTable::builtin())
        .unwrap();
    let types: Vec<_> = info
        .columns
        .iter()
        .map(|c| (&*c.name, c.ty.clone(), c.nullable))
        .collect();
    assert_eq!(
        types,
        [
            ("id", ColumnType::Int, false),
            ("j", ColumnType::Json, true),
            ("v", ColumnType::Vector { dimensions: 2 }, true),
            ("g", ColumnType::Geometry, true),
            ("e", ColumnType::Text, true),
        ]
    );
    assert_eq!(info.columns[4].collation.as_deref(), Some("latin1_swedish_ci"));
    assert!(info.columns[0].unsigned);
    assert_eq!(info.primary_key_names().collect::<Vec<_>>(), ["id"]);
    assert_eq!((info.id, info.version.as_u64()), (TableId(5), 6));
}

#[test]
fn json_diffs_apply_to_the_before_image() {
    let map = event(event_type::TABLE_MAP, 0, &document_map());
    let check = |diffs: &[u8], expect: &str| {
        let update = event(event_type::PARTIAL_UPDATE_ROWS, 0, &partial_update(diffs));
        let block = decode(&[map.clone(), update]);
        let values = after(&block);
        assert_eq!(values[1], Datum::Json(expect));
        assert_eq!(values[2], Datum::Null);
    };
    check(&set_a_to_two(), r#"{"a": 2}"#);
    check(&[], r#"{"a": 1}"#);
}

#[test]
fn a_json_diff_without_its_document_is_refused() {
    let mut decoder = Decoder::new();
    decoder.event(&format_description(1)).unwrap();
    decoder
        .event(&event(event_type::TABLE_MAP, 0, &document_map()))
        .unwrap();
    // The before image holds only the key.
    let mut body = TABLE_NUMBER.to_vec();
    body.extend([1, 0, 2, 0, 5, 0b00001, 0b00010]);
    body.extend([0, 1, 0, 0, 0]);
    let diffs = set_a_to_two();
    body.extend([1, 1, 0, diffs.len() as u8, 0, 0, 0]);
    body.extend(diffs);
    let error = decoder
        .event(&event(event_type::PARTIAL_UPDATE_ROWS, 0, &body))
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::PartialJSON);
    assert!(
        error.message().contains("column j of binlog type JSON"),
        "{error}"
    );
}

/// FULL_NODUP logs only what changed behind a full before image.
#[test]
fn an_after_image_is_completed_from_a_full_before_image() {
    let map = event(event_type::TABLE_MAP, 0, &document_map());
    let mut body = TABLE_NUMBER.to_vec();
    body.extend([1, 0, 2, 0, 5, 0b11111, 0b10000]);
    body.extend(document_row(1));
    body.extend([0, 1, 0, b'x']);
    let update = event(event_type::UPDATE_ROWS, 0, &body);
    let EventBody::Rows(rows) = framer().frame(&update).unwrap().body else {
        panic!()
    };
    assert!(rows.is_full());
    let block = decode(&[map, update]);
    let before: Vec<_> = block.row(0).before().unwrap().iter().collect();
    assert_eq!(after(&block)[..4], before[..4]);
    assert_eq!(after(&block)[4], Datum::Text(b"x"));
}

#[test]
fn times_before_mysql_5_6() {
    let map = table_map(&[7, 11, 12], &[], &[0], &[(4, b"\x01a\x01b\x01c")]);
    let mut row = vec![0];
    row.extend(1_700_000_000_u32.to_le_bytes());
    row.extend(&(-123_456_i32).to_le_bytes()[..3]);
    row.extend(20_240_229_235_958_u64.to_le_bytes());
    let map = event(event_type::TABLE_MAP, 0, &map);
    let insert = event(event_type::WRITE_ROWS, 0, &rows_body(3, 1, &row));
    let mut text = String::new();
    write_block(&decode(&[map.clone(), insert]), &mut text);
    assert_eq!(text, "t insert\t1700000000\t-12:34:56\t2024-02-29 23:59:58\n");

    // MariaDB's have no size in the log.
    let mut framer = Framer::new(Flavour::MariaDb);
    let EventBody::TableMap(event) = framer.frame(&map.slice(..)).map(|e| e.body).unwrap() else {
        panic!()
    };
    let map = TableMap::parse(&event).unwrap();
    let collations = CollationTable::builtin();
    let info = map.table_info(TableId(1), Ts::ZERO, &collations).unwrap();
    let error = TablePlan::compile(&map, &info, &collations).unwrap_err();
    assert!(error.message().contains("mysql56_temporal_format=ON"), "{error}");
}

#[test]
fn gtids_of_mysql() {
    let uuid = "00010203-0405-0607-0809-0a0b0c0d0e0f";
    let EventBody::Gtid(gtid) = body_of(event_type::GTID_TAGGED, &tagged_gtid()) else {
        panic!()
    };
    assert_eq!(gtid.id.unwrap().to_string(), format!("{uuid}:tag:5"));
    assert_eq!(gtid.immediate_commit_us, 0x07_0605_0403_0201);
    assert_eq!(gtid.original_commit_us, gtid.immediate_commit_us);
    assert_eq!(gtid.transaction_bytes, 4 << 6);

    let mut plain = vec![1];
    plain.extend(0_u8..16);
    plain.extend(9_u64.to_le_bytes());
    plain.push(2);
    plain.extend([0; 16]);
    plain.extend(&(1_u64 << 55 | 77).to_le_bytes()[..7]);
    plain.extend(&66_u64.to_le_bytes()[..7]);
    plain.extend([254, 0, 0, 0, 0, 1, 0, 0, 0]);
    let EventBody::Gtid(gtid) = body_of(event_type::GTID, &plain) else {
        panic!()
    };
    assert_eq!(gtid.id.unwrap().to_string(), format!("{uuid}:9"));
    assert_eq!((gtid.immediate_commit_us, gtid.original_commit_us), (77, 66));
    assert_eq!(gtid.transaction_bytes, 1 << 32);
    assert!(gtid.may_have_statements);
    // 5.7 ends before the commit times.
    let EventBody::Gtid(gtid) = body_of(event_type::ANONYMOUS_GTID, &plain[..42]) else {
        panic!()
    };
    assert_eq!((gtid.id, gtid.original_commit_us), (None, 0));
}

#[test]
fn previous_gtids_in_both_encodings() {
    let uuid = "07070707-0707-0707-0707-070707070707";
    for (tagged, expect) in [(false, format!("{uuid}:1-5")), (true, format!("{uuid}:x:1-5"))] {
        let EventBody::PreviousGtids(set) = body_of(event_type::PREVIOUS_GTIDS, &previous_gtids(tagged))
        else {
            panic!()
        };
        assert_eq!(set, GtidSet::parse_mysql(&expect).unwrap());
    }
}

/// MariaDB sends a checksum behind the made-up ROTATE in front of the first FDE, MySQL sends none.
#[test]
fn the_rotate_before_the_first_description() {
    let mut body = 4_u64.to_le_bytes().to_vec();
    body.extend(b"binlog.000001");
    let bare = [
        &header(event_type::ROTATE, 0x20, body.len()).to_bytes()[..],
        &body,
    ]
    .concat();
    for packet in [event(event_type::ROTATE, 0x20, &body), bare.into()] {
        let mut framer = Framer::new(Flavour::MariaDb);
        let EventBody::Rotate(rotate) = framer.frame(&packet).unwrap().body else {
            panic!()
        };
        assert_eq!((rotate.position, &*rotate.file), (4, "binlog.000001"));
    }
}

#[test]
fn the_description_says_whether_events_end_with_a_checksum() {
    let mut framer = Framer::new(Flavour::MySql);
    framer.frame(&format_description(0)).unwrap();
    let bare = [
        &header(event_type::XID, 0, 8).to_bytes()[..],
        &7_u64.to_le_bytes(),
    ]
    .concat();
    let EventBody::Xid(7) = framer.frame(&bare.into()).unwrap().body else {
        panic!()
    };
    assert!(!framer.description().unwrap().checksum);

    // The checksum of the description itself is made without the flag that its file is open.
    let mut packet = format_description(1).to_vec();
    packet[17] = 0;
    assert!(Framer::new(Flavour::MySql).frame(&packet.clone().into()).is_ok());
    packet[30] ^= 1;
    assert!(Framer::new(Flavour::MySql).frame(&packet.into()).is_err());
}

#[test]
fn unknown_events_say_whether_they_may_be_skipped() {
    for (flags, expect) in [(0, false), (0x80, true)] {
        let event = framer().frame(&event(99, flags, &[1, 2, 3])).unwrap();
        let EventBody::Unknown {
            event_type: 99,
            ignorable,
        } = event.body
        else {
            panic!()
        };
        assert_eq!(ignorable, expect);
    }
}

#[test]
fn a_payload_larger_than_the_limit_is_refused() {
    let xid = event(event_type::XID, 0, &[0; 8]);
    let framer = framer();
    let EventBody::TransactionPayload(payload) = body_of(event_type::TRANSACTION_PAYLOAD, &payload(&[xid]))
    else {
        panic!()
    };
    assert_eq!(payload.unpacked_bytes, 27);
    assert!(payload.events(&framer, 27).all(|event| event.is_ok()));
    let errors: Vec<_> = payload
        .events(&framer, 26)
        .map(|event| event.unwrap_err().code())
        .collect();
    assert_eq!(errors, [ErrorCode::TxnTooLarge]);
}

#[test]
fn fingerprints_compare_what_the_log_can_tell() {
    let mut framer = framer();
    let event = framer
        .frame(&event(event_type::TABLE_MAP, 0, &document_map()))
        .unwrap();
    let EventBody::TableMap(event) = event.body else {
        panic!()
    };
    let info = |change: fn(&mut TableInfo)| {
        let map = TableMap::parse(&event).unwrap();
        let mut info = map
            .table_info(TableId(1), Ts::ZERO, &CollationTable::builtin())
            .unwrap();
        change(&mut info);
        info
    };
    let same = |change: fn(&mut TableInfo), flavour| {
        fingerprint(&info(|_| ()), flavour) == fingerprint(&info(change), flavour)
    };
    assert!(same(
        |info| info.columns[0].default = Some(Arc::from("1")),
        Flavour::MySql
    ));
    assert!(!same(|info| info.columns[0].name = "x".into(), Flavour::MySql));
    assert!(!same(|info| info.columns[0].unsigned = false, Flavour::MySql));
    assert!(!same(|info| info.columns[0].nullable = true, Flavour::MySql));
    // Only MariaDB keeps JSON as LONGTEXT.
    assert!(!same(
        |info| info.columns[1].ty = ColumnType::LongText,
        Flavour::MySql
    ));
    assert!(same(
        |info| info.columns[1].ty = ColumnType::LongText,
        Flavour::MariaDb
    ));
}

/// The end of a two-phase ALTER TABLE of MariaDB names its beginning in eight bytes behind the extra flags.
#[test]
fn settings_behind_the_flags_of_a_two_phase_alter_are_read() {
    for (extra, number) in [(1u8, 0), (2, 0), (4, 8), (8, 8)] {
        let status = [&[130, extra][..], &vec![1; number], &[8, 45, 0]].concat();
        let mut body = vec![0; 8];
        body.extend([4, 0, 0, u8::try_from(status.len()).unwrap(), 0]);
        body.extend(&status);
        body.extend(b"shop\0ALTER TABLE t ADD a INT");
        let EventBody::Query(query) = body_of(event_type::QUERY, &body) else {
            panic!("not a statement");
        };
        assert_eq!(query.status.database_collation, Some(45), "{extra}");
        assert_eq!(query.status.sql_mode, None, "{extra}");
    }
}
