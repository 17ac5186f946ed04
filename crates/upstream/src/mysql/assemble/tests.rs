//! Groups from hand-made packets: what a server would log, in as few bytes as possible.

use super::testing::Log;
use super::*;

/// A group as text: id, raw second, marks of its rows, schema change, obstacle.
fn show(group: &Group) -> String {
    let Events::Memory(packets) = &group.events else {
        panic!("nothing spills here");
    };
    let marks: Vec<String> = packets
        .iter()
        .map(|packet| match packet[TYPE_OFFSET] {
            event_type::QUERY => "statement".to_owned(),
            _ => packet[19].to_string(),
        })
        .collect();
    let ddl = group.ddl.as_ref().map(|ddl| format!(" ddl={:?}", ddl.ddl.kind));
    let obstacle = group.obstacle.as_ref().map(|obstacle| format!(" {obstacle:?}"));
    let prepared = if group.prepared_open { " prepared" } else { "" };
    format!(
        "{} [{}]{}{}{prepared}",
        group.id,
        marks.join(","),
        ddl.unwrap_or_default(),
        obstacle.unwrap_or_default()
    )
}

/// As the finisher does when the disk is fine.
fn keep(assembler: &mut Assembler, mut closed: Closed) -> Group {
    let content = std::mem::take(&mut closed.content);
    assembler.settle(closed, Some(Events::Memory(content.packets)), content.bytes)
}

/// The groups that the packets complete.
fn groups(assembler: &mut Assembler, packets: &[Bytes]) -> Vec<Group> {
    packets
        .iter()
        .filter_map(|packet| {
            let closed = assembler.push(packet.clone()).unwrap()?;
            Some(keep(assembler, closed))
        })
        .collect()
}

fn assembler(flavour: Flavour) -> Assembler {
    let position = Position {
        gtid: Some(match flavour {
            Flavour::MariaDb => tidegate_mysql::GtidSet::parse_mariadb("").unwrap(),
            Flavour::MySql => tidegate_mysql::GtidSet::parse_mysql("").unwrap(),
        }),
        file: "b.000001".into(),
        offset: 4,
    };
    Assembler::new(flavour, position, Arc::new(CollationTable::builtin()))
}

fn check(flavour: Flavour, log: &mut Log, expect: &[&str]) {
    let mut assembler = assembler(flavour);
    let groups = groups(&mut assembler, &log.packets);
    let shown: Vec<String> = groups.iter().map(show).collect();
    assert_eq!(shown, expect);
    assert!(!assembler.in_group());
    let set = assembler.position().gtid.clone().unwrap();
    let without_gtid = |id: &GroupId| matches!(id, GroupId::Offset { .. });
    assert!(
        groups
            .iter()
            .all(|group| set.contains(&group.id) || without_gtid(&group.id))
    );
    assert_eq!(assembler.position().offset, u64::from(log.offset));
    assert!(groups.windows(2).all(|w| w[0].offset < w[1].offset));
}

#[test]
fn mariadb_groups_begin_with_their_gtid() {
    check(
        Flavour::MariaDb,
        Log::new()
            .mariadb_gtid(1, 0x0c)
            .rows(1)
            .rows(2)
            .xid()
            .mariadb_gtid(2, 0x08)
            .rows(3)
            .query("COMMIT")
            .mariadb_gtid(3, 0x29)
            .query("ALTER TABLE t ADD COLUMN a INT")
            .mariadb_gtid(4, 0x28)
            .query("CREATE TABLE c SELECT * FROM t")
            .rows(4)
            .xid()
            .mariadb_gtid(5, 0x01)
            .query("GRANT SELECT ON *.* TO u"),
        &[
            "0-1-1 [1,2]",
            "0-1-2 [3]",
            "0-1-3 [] ddl=AddColumn",
            "0-1-4 [4] ddl=CreateTable",
            "0-1-5 []",
        ],
    );
}

#[test]
fn mysql_groups_begin_with_begin() {
    check(
        Flavour::MySql,
        Log::new()
            .mysql_gtid(1, 5_000_000)
            .query("BEGIN")
            .rows(1)
            .xid()
            .mysql_gtid(2, 0)
            .query("DROP TABLE t")
            .mysql_gtid(3, 0)
            .query("CREATE TABLE `c` (`id` int) START TRANSACTION")
            .rows(2)
            .xid()
            .mysql_gtid(4, 0)
            .query("BEGIN")
            .rows(3)
            .query("ROLLBACK"),
        &[
            "09090909-0909-0909-0909-090909090909:1 [1]",
            "09090909-0909-0909-0909-090909090909:2 [] ddl=DropTable",
            "09090909-0909-0909-0909-090909090909:3 [2] ddl=CreateTable",
            "09090909-0909-0909-0909-090909090909:4 []",
        ],
    );
}

#[test]
fn savepoints_take_rows_back() {
    check(
        Flavour::MariaDb,
        Log::new()
            .mariadb_gtid(1, 0x0c)
            .rows(1)
            .query("SAVEPOINT `a`")
            .rows(2)
            .query("SAVEPOINT `b`")
            .rows(3)
            .query("ROLLBACK TO `b`")
            .rows(4)
            .query("ROLLBACK TO `a`")
            .rows(5)
            .xid(),
        &["0-1-1 [1,5]"],
    );
}

#[test]
fn prepared_transactions_wait_for_their_end() {
    check(
        Flavour::MariaDb,
        Log::new()
            .mariadb_gtid(1, 0x4c)
            .rows(1)
            .query("XA END X'78',X'',1")
            .xa_prepare(b'x')
            .mariadb_gtid(2, 0x0c)
            .rows(2)
            .xid()
            .mariadb_gtid(3, 0x8d)
            .query("XA COMMIT X'78',X'',1")
            .mariadb_gtid(4, 0x4c)
            .rows(3)
            .xa_prepare(b'x')
            .mariadb_gtid(5, 0x8d)
            .query("XA ROLLBACK X'78',X'',1")
            .mariadb_gtid(6, 0x8d)
            .query("XA COMMIT X'78',X'',1")
            .mariadb_gtid(7, 0x0c)
            .rows(4)
            .xa_prepare_one_phase(),
        &[
            "0-1-1 [] prepared",
            "0-1-2 [2] prepared",
            "0-1-3 [1]",
            "0-1-4 [] prepared",
            "0-1-5 []",
            "0-1-6 [] UnknownXa(\"X'78',X'',1\")",
            "0-1-7 [4]",
        ],
    );
}

#[test]
fn statements_and_gaps_are_kept_for_whoever_minds() {
    check(
        Flavour::MariaDb,
        Log::new()
            .mariadb_gtid(1, 0x0c)
            .query("INSERT INTO t VALUES (1)")
            .query("COMMIT")
            .event(event_type::INCIDENT, &[1, 0, 3, b'g', b'a', b'p'])
            .mariadb_gtid(2, 0x0c)
            .rows(1)
            .xid(),
        &[
            "0-1-1 [statement]",
            "000001:171 [] Incident(\"gap\")",
            "0-1-2 [1]",
        ],
    );
}

#[test]
fn a_broken_connection_drops_the_half_group_only() {
    let mut log = Log::new();
    log.mariadb_gtid(1, 0x0c)
        .rows(1)
        .xid()
        .mariadb_gtid(2, 0x0c)
        .rows(2);
    let mut assembler = assembler(Flavour::MariaDb);
    let closed = |assembler: &mut Assembler, packets: &[Bytes]| -> Vec<String> {
        groups(assembler, packets).iter().map(show).collect()
    };
    assert_eq!(closed(&mut assembler, &log.packets), ["0-1-1 [1]"]);
    assert!(assembler.in_group());
    assembler.reconnect();
    assert_eq!(assembler.position().gtid.as_ref().unwrap().to_string(), "0-1-1");
    let again = log.packets[3..].to_vec();
    log.packets.clear();
    log.xid();
    assert_eq!(closed(&mut assembler, &again), [""; 0]);
    assert_eq!(closed(&mut assembler, &log.packets), ["0-1-2 [2]"]);
}

#[test]
fn what_is_out_of_place_is_refused() {
    let refused = |log: &mut Log| {
        let mut assembler = assembler(Flavour::MariaDb);
        log.packets
            .drain(..)
            .find_map(|packet| assembler.push(packet).err())
            .map(|error| error.message().to_owned())
            .unwrap_or_default()
    };
    assert!(refused(Log::new().xid()).contains("has not begun"));
    assert!(refused(Log::new().event(222, b"?")).contains("unknown type 222"));
    assert!(refused(Log::new().event(event_type::XID, b"")).contains("type 16"));
}

/// With a session's binlog_format STATEMENT or MIXED, MySQL logs CREATE TABLE .. SELECT as one statement. The group was
/// taken to be open, and the next one replaced it.
#[test]
fn a_table_made_by_a_query_is_a_group_without_rows_when_logged_as_a_statement() {
    check(
        Flavour::MySql,
        Log::new()
            .mysql_gtid(1, 0)
            .query("CREATE TABLE c SELECT * FROM t")
            .mysql_gtid(2, 0)
            .query("BEGIN")
            .rows(1)
            .xid(),
        &[
            "09090909-0909-0909-0909-090909090909:1 [] ddl=CreateTable",
            "09090909-0909-0909-0909-090909090909:2 [1]",
        ],
    );
}

/// A group whose end nobody recognised is an error, never lost.
#[test]
fn a_transaction_inside_another_one_is_refused() {
    let mut assembler = assembler(Flavour::MySql);
    let mut log = Log::new();
    log.mysql_gtid(1, 0).query("BEGIN").rows(1);
    assert!(groups(&mut assembler, &log.take()).is_empty());
    let error = assembler.push(log.mysql_gtid(2, 0).take().remove(0)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::BinlogDecode);
    assert!(
        error.message().contains("inside another one"),
        "{}",
        error.message()
    );
}

/// MariaDB's two-phase ALTER TABLE logs the statement when it begins and when it ends.
#[test]
fn a_two_phase_alter_happens_at_its_commit() {
    let alter = "ALTER TABLE t ADD COLUMN a INT";
    check(
        Flavour::MariaDb,
        Log::new()
            .mariadb_alter_gtid(1, 2)
            .query(alter)
            .mariadb_gtid(2, 0x0c)
            .rows(1)
            .xid()
            .mariadb_alter_gtid(3, 4)
            .query(alter)
            .mariadb_alter_gtid(4, 2)
            .query(alter)
            .mariadb_alter_gtid(5, 8)
            .query(alter),
        &[
            "0-1-1 []",
            "0-1-2 [1]",
            "0-1-3 [] ddl=AddColumn",
            "0-1-4 []",
            "0-1-5 []",
        ],
    );
}

#[test]
fn commit_times_come_from_the_gtid_or_the_closing_event() {
    let mut log = Log::new();
    log.mysql_gtid(1, 1_700_000_123_456_000)
        .query("BEGIN")
        .rows(1)
        .xid();
    log.mysql_gtid(2, 0).query("BEGIN");
    log.seconds += 10;
    log.xid();
    let mut assembler = assembler(Flavour::MySql);
    let times: Vec<u64> = groups(&mut assembler, &log.packets)
        .iter()
        .map(|group| group.raw_ms)
        .collect();
    assert_eq!(times, [1_700_000_123_456, 1_700_000_010_000]);
}

#[test]
fn offsets_grow_beyond_four_gib() {
    let mut log = Log::new();
    log.offset = u32::MAX - 100;
    log.mariadb_gtid(1, 0x0c).xid();
    let mut wrapped = Log::new();
    wrapped.mariadb_gtid(2, 0x0c).xid();
    let position = Position {
        offset: u64::from(u32::MAX) - 100,
        ..assembler(Flavour::MariaDb).position().clone()
    };
    let mut assembler = Assembler::new(Flavour::MariaDb, position, Arc::new(CollationTable::builtin()));
    let packets = [log.packets, wrapped.packets].concat();
    let offsets: Vec<u64> = groups(&mut assembler, &packets)
        .iter()
        .map(|group| group.offset)
        .collect();
    assert!(offsets[0] < offsets[1] && offsets[1] > 1 << 32, "{offsets:?}");
}

/// The last bytes of a large transaction do not fit the disk: the group is complete, but nobody has it. Its GTID was
/// in the position already, so that the next connection began behind it.
#[test]
fn a_group_that_could_not_be_kept_is_read_again() {
    let mut log = Log::new();
    log.mariadb_gtid(1, 0x0c).rows(1).xid();
    let mut assembler = assembler(Flavour::MariaDb);
    let before = groups(&mut assembler, &log.packets).len();
    let position = assembler.position().clone();
    log.packets.clear();
    log.mariadb_gtid(2, 0x0c).rows(2).xid();
    let lost = log
        .packets
        .iter()
        .filter_map(|packet| assembler.push(packet.clone()).unwrap())
        .count();
    assert_eq!((before, lost), (1, 1));
    assert_eq!(*assembler.position(), position, "nobody has the second group");
    assembler.reconnect();
    let again = groups(&mut assembler, &log.packets);
    assert_eq!(show(&again[0]), "0-1-2 [2]");
    assert_eq!(assembler.position().gtid.as_ref().unwrap().to_string(), "0-1-2");
}

/// The rows of a prepared transaction stay until the group that commits it is kept.
#[test]
fn a_commit_that_could_not_be_kept_finds_its_rows_again() {
    let mut log = Log::new();
    log.mariadb_gtid(1, 0x4c).rows(1).xa_prepare(b'x');
    let mut assembler = assembler(Flavour::MariaDb);
    groups(&mut assembler, &log.packets);
    log.packets.clear();
    log.mariadb_gtid(2, 0x8d).query("XA COMMIT X'78',X'',1");
    for packet in log.packets.clone() {
        assembler.push(packet).unwrap();
    }
    assembler.reconnect();
    let again = groups(&mut assembler, &log.packets);
    assert_eq!(show(&again[0]), "0-1-2 [1]");
}

fn without_gtids(offset: u64) -> Assembler {
    let position = Position {
        gtid: None,
        file: "b.000001".into(),
        offset,
    };
    Assembler::new(Flavour::MySql, position, Arc::new(CollationTable::builtin()))
}

/// The offset moved with every event, so that a connection that broke inside a transaction went on in the middle of
/// it, and failed there for good.
#[test]
fn without_gtids_a_broken_transaction_is_read_again_from_its_start() {
    let mut log = Log::new();
    log.anonymous_gtid().query("BEGIN").rows(1).xid();
    let between = u64::from(log.offset);
    let first = log.take();
    log.anonymous_gtid().query("BEGIN").rows(2);
    let half = log.take();
    let mut assembler = without_gtids(4);
    let shown: Vec<String> = groups(&mut assembler, &first).iter().map(show).collect();
    assert_eq!(shown, [format!("000001:{between} [1]")]);
    assert!(groups(&mut assembler, &half).is_empty());
    assert_eq!(assembler.position().offset, between);
    assembler.reconnect();
    log.xid();
    let rest = [half, log.take()].concat();
    let again: Vec<String> = groups(&mut assembler, &rest).iter().map(show).collect();
    assert_eq!(again, [format!("000001:{} [2]", log.offset)]);
    assert_eq!(assembler.position().offset, u64::from(log.offset));
}

/// On a server that was reset, an old offset may lie anywhere.
#[test]
fn without_gtids_an_offset_inside_a_transaction_is_refused() {
    let mut log = Log::new();
    log.query("BEGIN").rows(1).xid();
    for packet in [
        log.packets[0].clone(),
        log.packets[2].clone(),
        Bytes::from_static(b"garbage"),
    ] {
        let error = without_gtids(500).push(packet).unwrap_err();
        assert_eq!(error.code(), ErrorCode::UpstreamDiverged);
        assert!(error.message().contains("b.000001:500"), "{}", error.message());
    }
    let mut fine = without_gtids(500);
    fine.push(log.event(event_type::HEARTBEAT, b"b.000001").packets[3].clone())
        .unwrap();
    fine.push(log.anonymous_gtid().packets[4].clone()).unwrap();
}

/// The head of a file counts: an idle server stands behind it.
#[test]
fn a_new_file_is_entered_behind_its_head() {
    let mut assembler = without_gtids(4);
    let mut log = Log::new();
    log.event(
        event_type::ROTATE,
        &[&4u64.to_le_bytes()[..], b"b.000002"].concat(),
    );
    log.offset = 4;
    log.event(event_type::PREVIOUS_GTIDS, &[0; 8]);
    assert!(groups(&mut assembler, &log.packets).is_empty());
    let position = assembler.position();
    assert_eq!(
        (&*position.file, position.offset),
        ("b.000002", u64::from(log.offset))
    );
}
