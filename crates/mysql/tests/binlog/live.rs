//! Against a real server.

use std::fmt::Write as _;
use std::path::Path;

use tidegate_mariadb::{Server, ServerOptions};
use tidegate_model::{ColumnType, Datum, ErrorCode, TableInfo};
use tidegate_mysql::binlog::{Charset, Event, EventBody, event_type};

use super::decode::{Decoder, file_text, hex, packets};
use super::scenarios::{self, Scenario, Table};

pub(crate) fn server_options() -> ServerOptions {
    ServerOptions {
        extra_args: [
            "--binlog-row-metadata=FULL",
            "--binlog-row-image=FULL",
            "--character-set-server=utf8mb4",
            "--sql-mode=",
        ]
        .map(str::to_owned)
        .to_vec(),
        ..ServerOptions::default()
    }
}

/// Name of the file that the server writes now.
async fn current_file(server: &Server) -> String {
    let status = server.sql("SHOW MASTER STATUS").await.unwrap();
    status.split('\t').next().unwrap().to_owned()
}

/// Runs `sql` between two log switches and gives the file that it filled.
pub(crate) async fn file_of(server: &Server, sql: &str) -> (Vec<u8>, String) {
    server.sql("FLUSH BINARY LOGS").await.unwrap();
    let file = current_file(server).await;
    let printed = server
        .sql(&format!("SET NAMES utf8mb4; SET time_zone = '+00:00'; {sql}"))
        .await
        .unwrap();
    server.sql("FLUSH BINARY LOGS").await.unwrap();
    (std::fs::read(server.datadir().join(file)).unwrap(), printed)
}

/// Inserts, updates and deletes every row; gives the file and what its rows must be.
async fn run(server: &Server, scenario: &Scenario) -> (Vec<u8>, String) {
    let mut sql = format!(
        "{} CREATE DATABASE {1}; USE {1};",
        scenario.settings, scenario.name
    );
    for table in &scenario.tables {
        let (name, select) = (table.name, table.select_sql());
        write!(
            sql,
            "{}; {}; {select}; UPDATE {name} SET n = 1 ORDER BY id; {select}; DELETE FROM {name} ORDER BY id;",
            table.create_sql(),
            table.insert_sql()
        )
        .unwrap();
    }
    let (file, printed) = file_of(server, &sql).await;
    (file, expected(&scenario.tables, &printed))
}

fn expected(tables: &[Table], printed: &str) -> String {
    let mut printed = printed.lines();
    let mut text = String::new();
    for table in tables {
        let mut select = || printed.by_ref().take(table.rows.len()).collect::<Vec<_>>();
        let (inserted, updated) = (select(), select());
        for row in &inserted {
            writeln!(text, "{} insert\t{row}", table.name).unwrap();
        }
        for (before, after) in inserted.iter().zip(&updated) {
            writeln!(text, "{} update\t{before}\t=>\t{after}", table.name).unwrap();
        }
        for row in &updated {
            writeln!(text, "{} delete\t{row}", table.name).unwrap();
        }
    }
    text
}

#[tokio::test]
async fn rows_equal_what_select_prints() {
    let server = Server::start(server_options()).await.unwrap();
    for scenario in scenarios::all() {
        let (file, expected) = run(&server, &scenario).await;
        let decoded = file_text(&mut Decoder::new(), &file);
        assert_same_lines(scenario.name, &decoded, &expected);
        if std::env::var_os("UPDATE_FIXTURES").is_some() {
            let stem = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("tests/fixtures")
                .join(scenario.name);
            std::fs::write(stem.with_extension("binlog"), &file).unwrap();
            std::fs::write(stem.with_extension("txt"), &expected).unwrap();
        }
    }
}

/// What the catalogue says of the columns of a schema, one per line.
const CATALOGUE: &str = "SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, CHARACTER_MAXIMUM_LENGTH, NUMERIC_PRECISION,
    NUMERIC_SCALE, DATETIME_PRECISION, IS_NULLABLE, COLUMN_TYPE LIKE '%unsigned%', CHARACTER_SET_NAME, COLLATION_NAME,
    COLUMN_KEY = 'PRI' FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '{}' ORDER BY TABLE_NAME, ORDINAL_POSITION";

/// The log alone must tell the same of every table as the catalogue, but for types that it cannot tell.
#[tokio::test]
async fn tables_equal_what_the_catalogue_says() {
    let server = Server::start(server_options()).await.unwrap();
    for scenario in scenarios::all() {
        let (file, _) = run(&server, &scenario).await;
        let catalogue = server.sql(&CATALOGUE.replace("{}", scenario.name)).await.unwrap();
        let mut logged: Vec<String> = Decoder::new()
            .tables_of(&file)
            .iter()
            .map(|table| columns_text(table))
            .collect();
        logged.sort_unstable();
        logged.dedup();
        let logged: String = logged.concat();
        let (logged, told) = without_untold(&logged, &catalogue);
        assert_same_lines(scenario.name, &logged, &told);
    }
}

/// Both texts without the columns whose types only the catalogue tells.
fn without_untold(logged: &str, catalogue: &str) -> (String, String) {
    let untold = ["uuid", "inet6", "inet4", "point", "geometry"];
    let kept = logged.lines().zip(catalogue.lines()).filter(|(_, line)| {
        let ty = line.split('\t').nth(2).unwrap();
        !untold.contains(&ty)
    });
    let (logged, catalogue): (Vec<&str>, Vec<&str>) = kept.unzip();
    (logged.join("\n"), catalogue.join("\n"))
}

fn columns_text(table: &TableInfo) -> String {
    let mut text = String::new();
    for column in &table.columns {
        let null = || "NULL".to_owned();
        let (mut length, mut precision, mut scale, mut fsp) = (null(), null(), null(), null());
        let whole = |digits: u8| (digits.to_string(), "0".to_owned());
        let limit = |bytes: u32| bytes.to_string();
        match &column.ty {
            ColumnType::TinyInt => (precision, scale) = whole(3),
            ColumnType::SmallInt => (precision, scale) = whole(5),
            ColumnType::MediumInt => (precision, scale) = whole(if column.unsigned { 8 } else { 7 }),
            ColumnType::Int => (precision, scale) = whole(10),
            ColumnType::BigInt => (precision, scale) = whole(if column.unsigned { 20 } else { 19 }),
            ColumnType::Float => precision = "12".to_owned(),
            ColumnType::Double => precision = "22".to_owned(),
            ColumnType::Decimal {
                precision: p,
                scale: s,
            } => (precision, scale) = (p.to_string(), s.to_string()),
            ColumnType::Bit { bits } => precision = bits.to_string(),
            ColumnType::Time { fsp: f }
            | ColumnType::DateTime { fsp: f }
            | ColumnType::Timestamp { fsp: f } => {
                fsp = f.to_string();
            }
            ColumnType::Char { chars } | ColumnType::VarChar { chars } => length = chars.to_string(),
            ColumnType::Binary { bytes } | ColumnType::VarBinary { bytes } => length = bytes.to_string(),
            ColumnType::TinyText | ColumnType::TinyBlob => length = limit(255),
            ColumnType::Text | ColumnType::Blob => length = limit(65_535),
            ColumnType::MediumText | ColumnType::MediumBlob => length = limit(16_777_215),
            ColumnType::LongText | ColumnType::LongBlob => length = limit(u32::MAX),
            ColumnType::Enum { members } => {
                length = members
                    .iter()
                    .map(|m| m.chars().count())
                    .max()
                    .unwrap_or(0)
                    .to_string();
            }
            ColumnType::Set { members } => {
                let chars: usize = members.iter().map(|m| m.chars().count() + 1).sum();
                length = (chars - 1).to_string();
            }
            _ => {}
        }
        let primary = table
            .handle()
            .is_some_and(|key| key.columns.iter().any(|&i| table.columns[i] == *column));
        let unsigned = column.unsigned && !matches!(column.ty, ColumnType::Bit { .. } | ColumnType::Year);
        writeln!(
            text,
            "{}\t{}\t{}\t{length}\t{precision}\t{scale}\t{fsp}\t{}\t{}\t{}\t{}\t{}",
            table.name.table,
            column.name,
            column.ty.sql_name(),
            if column.nullable { "YES" } else { "NO" },
            u8::from(unsigned),
            column.collation.as_ref().map_or("NULL", |_| &*column.charset),
            column.collation.as_deref().unwrap_or("NULL"),
            u8::from(primary),
        )
        .unwrap();
    }
    text
}

/// Every kind of group, and every event in it, as the state machine above the decoder sees them.
#[tokio::test]
async fn groups_of_every_kind() {
    let server = Server::start(server_options()).await.unwrap();
    let sql = "CREATE DATABASE g; USE g;
        CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20)); CREATE TABLE m (id INT PRIMARY KEY) ENGINE=MyISAM;
        INSERT INTO t VALUES (1, 'a');
        INSERT INTO m VALUES (1);
        CREATE TABLE s AS SELECT * FROM t;
        XA START 'gt', 'bq', 7; INSERT INTO t VALUES (2, 'b'); XA END 'gt', 'bq', 7; XA PREPARE 'gt', 'bq', 7;
        XA COMMIT 'gt', 'bq', 7;
        SET sql_mode = 'ANSI_QUOTES'; SET time_zone = '+02:00';
        CREATE TABLE z (at TIMESTAMP DEFAULT '2020-01-01');";
    let (file, _) = file_of(&server, sql).await;
    let mut decoder = Decoder::new();
    let events: Vec<_> = packets(&file)
        .iter()
        .map(|packet| decoder.frame(packet).unwrap())
        .collect();
    // The server writes its checkpoint whenever it gets round to it.
    let lasting = events
        .iter()
        .filter(|event| event.header.event_type != event_type::BINLOG_CHECKPOINT);
    let text: Vec<String> = lasting.map(event_text).collect();
    assert_eq!(
        text,
        [
            "format 10.11 checksum",
            "list",
            "gtid standalone ddl",
            "query CREATE DATABASE g",
            "gtid standalone ddl",
            "query CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20))",
            "gtid standalone ddl",
            "query CREATE TABLE m (id INT PRIMARY KEY) ENGINE=MyISAM",
            "gtid transactional",
            "skip",
            "map g.t",
            "rows Insert end",
            "xid",
            "gtid",
            "skip",
            "map g.m",
            "rows Insert end",
            "query COMMIT",
            "gtid ddl",
            "query CREATE TABLE",
            "skip",
            "map g.s",
            "rows Insert end",
            "xid",
            "gtid transactional prepares X'6774',X'6271',7",
            "skip",
            "map g.t",
            "rows Insert end",
            "query XA END X'6774',X'6271',7",
            "prepared X'6774',X'6271',7",
            "gtid standalone transactional completes X'6774',X'6271',7",
            "query XA COMMIT X'6774',X'6271',7",
            "gtid standalone ddl",
            "query CREATE TABLE z (at TIMESTAMP DEFAULT '2020-01-01') ansi +02:00",
            "rotate",
        ]
    );
}

fn event_text(event: &Event) -> String {
    match &event.body {
        EventBody::FormatDescription(d) => {
            let version = d.server_version.get(..5).unwrap_or_default();
            format!("format {version}{}", if d.checksum { " checksum" } else { "" })
        }
        EventBody::GtidList(_) => "list".to_owned(),
        EventBody::Skip => "skip".to_owned(),
        EventBody::MariaDbGtid(gtid) => {
            let mut text = "gtid".to_owned();
            let flags = [
                (gtid.is_standalone(), " standalone"),
                (gtid.is_transactional(), " transactional"),
                (gtid.is_ddl(), " ddl"),
                (gtid.is_prepared_xa(), " prepares"),
                (gtid.is_completed_xa(), " completes"),
            ];
            text.extend(flags.iter().filter(|(set, _)| *set).map(|(_, name)| *name));
            text.extend(gtid.xid.iter().map(|xid| format!(" {}", xid.sql())));
            text
        }
        EventBody::Query(query) => {
            let text = String::from_utf8_lossy(&query.text);
            let text = if text.starts_with("CREATE TABLE `s`") {
                "CREATE TABLE"
            } else {
                &*text
            };
            let mode = if query.status.ansi_quotes() { " ansi" } else { "" };
            let zone = query
                .status
                .time_zone
                .as_ref()
                .map(|zone| String::from_utf8_lossy(zone));
            let zone = zone
                .filter(|zone| zone != "+00:00")
                .map_or(String::new(), |zone| format!(" {zone}"));
            format!("query {text}{mode}{zone}")
        }
        EventBody::TableMap(map) => format!("map {}.{}", map.schema(), map.table()),
        EventBody::Rows(rows) => {
            format!(
                "rows {:?}{}",
                rows.op,
                if rows.is_statement_end() { " end" } else { "" }
            )
        }
        EventBody::Xid(_) => "xid".to_owned(),
        EventBody::XaPrepare(prepare) => format!("prepared {}", prepare.xid.sql()),
        EventBody::Rotate(_) => "rotate".to_owned(),
        other => format!("{other:?}"),
    }
}

/// MINIMAL images leave columns out; what is left out is not NULL, and what an update leaves out has not changed.
#[tokio::test]
async fn columns_that_an_image_leaves_out_are_absent() {
    let server = Server::start(server_options()).await.unwrap();
    let sql = "CREATE DATABASE p; USE p; SET binlog_row_image = MINIMAL;
        CREATE TABLE t (id INT PRIMARY KEY, a INT, b VARCHAR(9) DEFAULT 'x', c INT);
        INSERT INTO t (id, a) VALUES (1, NULL);
        UPDATE t SET a = 5, c = NULL;
        UPDATE t SET id = 2, b = NULL;
        DELETE FROM t;
        CREATE TABLE nokey (a INT, b INT);
        INSERT INTO nokey VALUES (1, NULL);
        UPDATE nokey SET b = 2;";
    let (file, _) = file_of(&server, sql).await;
    let expected = "\
t insert\t1\tNULL\t-\t-
t update\t1\t-\t-\t-\t=>\t1\t5\t-\tNULL
t update\t1\t-\t-\t-\t=>\t2\t-\tNULL\t-
t delete\t2\t-\t-\t-
nokey insert\t1\tNULL
nokey update\t1\tNULL\t=>\t1\t2
";
    assert_same_lines("minimal", &file_text(&mut Decoder::new(), &file), expected);
}

/// Without FULL metadata the error names the setting, and the framing goes on.
#[tokio::test]
async fn a_log_without_column_names_is_refused() {
    let server = Server::start(server_options()).await.unwrap();
    for metadata in ["NO_LOG", "MINIMAL"] {
        let sql = format!(
            "SET GLOBAL binlog_row_metadata = {metadata}; CREATE DATABASE {metadata}; USE {metadata};
             CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1)"
        );
        let (file, _) = file_of(&server, &sql).await;
        let mut decoder = Decoder::new();
        let errors: Vec<_> = packets(&file)
            .iter()
            .filter_map(|packet| decoder.event(packet).err())
            .collect();
        let [error] = &errors[..] else {
            panic!("{metadata}: {errors:?}")
        };
        assert_eq!(error.code(), ErrorCode::UpstreamMisconfigured);
        assert!(
            error.message().contains("binlog_row_metadata = 'FULL'"),
            "{error}"
        );
    }
}

/// JSON and UUID of MariaDB are only in the catalogue: with its types the values read as such.
#[tokio::test]
async fn types_of_the_catalogue_are_hints() {
    let server = Server::start(server_options()).await.unwrap();
    let sql = "CREATE DATABASE h; USE h; CREATE TABLE t (j JSON, u UUID);
        INSERT INTO t VALUES ('{\"a\": \"é\"}', '00000000-0000-0000-0000-00000000ff00')";
    let (file, _) = file_of(&server, sql).await;
    let mut decoder = Decoder::new();
    decoder.hints.insert("j", ColumnType::Json);
    decoder.hints.insert("u", ColumnType::Uuid);
    let blocks: Vec<_> = packets(&file)
        .iter()
        .filter_map(|packet| decoder.event(packet).unwrap())
        .collect();
    let row = blocks[0].row(0);
    let values: Vec<_> = row.after().unwrap().iter().collect();
    let uuid = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0];
    assert_eq!(values, [Datum::Json("{\"a\": \"é\"}"), Datum::Bytes(&uuid)]);
}

/// Every code of one, two and three bytes of every character set, as the server converts it.
#[tokio::test]
async fn characters_convert_as_the_server_does() {
    let server = Server::start(server_options()).await.unwrap();
    let one_byte = "armscii8 cp1250 cp1251 cp1256 cp1257 cp850 cp852 cp866 dec8 geostd8 greek hebrew hp8 keybcs2 \
                    koi8r koi8u latin1 latin2 latin5 latin7 macce macroman swe7 tis620";
    let two_bytes = "sjis cp932 ujis eucjpms euckr gbk gb2312 big5 ucs2";
    let one_byte = one_byte.split(' ').map(|name| (name, "", "seq_0_to_255", 2));
    let two_bytes = two_bytes
        .split(' ')
        .map(|name| (name, "", "seq_33024_to_65535", 4));
    let three_bytes = ["ujis", "eucjpms"].map(|name| (name, "8F", "seq_41377_to_65278", 4));
    for (name, prefix, sequence, digits) in one_byte.chain(two_bytes).chain(three_bytes) {
        let code = format!("CONCAT('{prefix}', LPAD(HEX(seq), {digits}, '0'))");
        let sql = format!(
            "USE mysql; SELECT {code}, HEX(CONVERT(CONVERT(UNHEX({code}) USING {name}) USING utf8mb4)) FROM {sequence}"
        );
        let charset = Charset::by_name(name).unwrap();
        let mut checked = 0;
        for line in server.sql(&sql).await.unwrap().lines() {
            let (code, expect) = line.split_once('\t').unwrap();
            // `?` and U+FFFD stand for codes without a character; two characters are two codes.
            let characters = String::from_utf8(unhex(expect))
                .unwrap_or_default()
                .chars()
                .count();
            if ["3F", "EFBFBD", "NULL", ""].contains(&expect) || characters != 1 {
                continue;
            }
            assert_eq!(
                hex(charset.decode(&unhex(code)).as_bytes()),
                expect,
                "{name} {code}"
            );
            checked += 1;
        }
        assert!(checked > 90, "{name} has characters");
    }
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().as_chunks::<2>().0;
    digits
        .iter()
        .map_while(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

/// Names the first difference instead of printing two walls of text.
pub(crate) fn assert_same_lines(name: &str, decoded: &str, expected: &str) {
    for (line, (got, want)) in decoded.lines().zip(expected.lines()).enumerate() {
        for (column, (got, want)) in got.split('\t').zip(want.split('\t')).enumerate() {
            assert_eq!(got, want, "{name}: line {}, column {column}", line + 1);
        }
        assert_eq!(got, want, "{name}: line {}", line + 1);
    }
    assert_eq!(decoded.lines().count(), expected.lines().count(), "{name}: rows");
    assert!(!expected.is_empty(), "{name} has rows");
}
