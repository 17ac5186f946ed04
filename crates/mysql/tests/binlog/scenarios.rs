//! What the server is made to write.

/// Statements that fill one binlog file, with tables whose rows are checked.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// Session and global settings.
    pub(crate) settings: &'static str,
    pub(crate) tables: Vec<Table>,
}

/// A table with `id INT PRIMARY KEY, n INT`, columns `c1..`, and rows of SQL literals for them.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: Vec<&'static str>,
    pub(crate) rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn create_sql(&self) -> String {
        let columns: String = (1..)
            .zip(&self.columns)
            .map(|(i, ty)| format!(", c{i} {ty}"))
            .collect();
        format!("CREATE TABLE {} (id INT PRIMARY KEY, n INT{columns})", self.name)
    }

    pub(crate) fn insert_sql(&self) -> String {
        let rows: Vec<String> = (1..)
            .zip(&self.rows)
            .map(|(id, row)| format!("({id}, 0, {})", row.join(", ")))
            .collect();
        format!("INSERT INTO {} VALUES {}", self.name, rows.join(", "))
    }

    /// Strings as HEX of their UTF-8 or raw bytes, the rest as it prints.
    pub(crate) fn select_sql(&self) -> String {
        let columns: String = (1..)
            .zip(&self.columns)
            .map(|(i, ty)| format!(", {}", select_expression(i, ty)))
            .collect();
        format!("SELECT id, n{columns} FROM {} ORDER BY id", self.name)
    }
}

fn select_expression(i: usize, ty: &str) -> String {
    let head: String = ty.chars().take_while(char::is_ascii_alphanumeric).collect();
    match &*head {
        "CHAR" | "VARCHAR" | "TINYTEXT" | "TEXT" | "MEDIUMTEXT" | "LONGTEXT" | "ENUM" | "SET" | "JSON" => {
            format!("HEX(CONVERT(c{i} USING utf8mb4))")
        }
        "BINARY" | "VARBINARY" | "TINYBLOB" | "BLOB" | "MEDIUMBLOB" | "LONGBLOB" | "GEOMETRY" | "POINT" => {
            format!("HEX(c{i})")
        }
        "UUID" | "INET6" => format!("HEX(CAST(c{i} AS BINARY(16)))"),
        "INET4" => format!("HEX(CAST(c{i} AS BINARY(4)))"),
        "BIT" => format!("c{i} + 0"),
        "TIMESTAMP" => format!("UNIX_TIMESTAMP(c{i})"),
        _ => format!("c{i}"),
    }
}

fn table(name: &'static str, columns: &[&'static str], rows: &[&[&str]]) -> Table {
    Table {
        name,
        columns: columns.to_vec(),
        rows: rows
            .iter()
            .map(|row| row.iter().map(|&value| value.to_owned()).collect())
            .collect(),
    }
}

pub(crate) fn all() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "types",
            settings: "",
            tables: vec![integers(), numbers(), strings(), temporals(), members(), others()],
        },
        Scenario {
            name: "charsets",
            settings: "",
            tables: vec![charsets(), wide_charsets()],
        },
        Scenario {
            name: "compressed_events",
            settings: "SET GLOBAL log_bin_compress = ON; SET GLOBAL log_bin_compress_min_len = 10;",
            tables: vec![integers(), long_strings("TEXT", "VARCHAR(2000)", "LONGBLOB")],
        },
        Scenario {
            name: "compressed_columns",
            settings: "SET GLOBAL log_bin_compress = OFF;",
            tables: vec![long_strings(
                "TEXT COMPRESSED",
                "VARCHAR(2000) COMPRESSED",
                "LONGBLOB COMPRESSED",
            )],
        },
        Scenario {
            name: "compressed_columns_zlib",
            settings: "SET GLOBAL log_bin_compress = OFF; SET column_compression_zlib_wrap = ON;",
            tables: vec![long_strings(
                "TEXT COMPRESSED",
                "VARCHAR(2000) COMPRESSED",
                "LONGBLOB COMPRESSED",
            )],
        },
    ]
}

fn integers() -> Table {
    table(
        "integers",
        &[
            "TINYINT",
            "TINYINT UNSIGNED",
            "SMALLINT",
            "SMALLINT UNSIGNED",
            "MEDIUMINT",
            "MEDIUMINT UNSIGNED",
            "INT",
            "INT UNSIGNED",
            "BIGINT",
            "BIGINT UNSIGNED",
            "BOOLEAN",
        ],
        &[
            &[
                "-128",
                "0",
                "-32768",
                "0",
                "-8388608",
                "0",
                "-2147483648",
                "0",
                "-9223372036854775808",
                "0",
                "FALSE",
            ],
            &[
                "127",
                "255",
                "32767",
                "65535",
                "8388607",
                "16777215",
                "2147483647",
                "4294967295",
                "9223372036854775807",
                "18446744073709551615",
                "TRUE",
            ],
            &["-1", "1", "-1", "1", "-1", "1", "-1", "1", "-1", "1", "NULL"],
            &["NULL"; 11],
        ],
    )
}

fn numbers() -> Table {
    table(
        "numbers",
        &[
            "FLOAT",
            "DOUBLE",
            "FLOAT UNSIGNED",
            "DECIMAL(65,38)",
            "DECIMAL(65,0)",
            "DECIMAL(10,2)",
            "DECIMAL(5,5)",
            "DECIMAL(9,0) UNSIGNED",
            "DECIMAL(20,9)",
            "BIT(1)",
            "BIT(13)",
            "BIT(64)",
            "YEAR",
        ],
        &[
            &[
                "-1.5",
                "-1.25",
                "0.25",
                "123456789012345678901234567.12345678901234567890123456789012345678",
                "99999999999999999999999999999999999999999999999999999999999999999",
                "-99999999.99",
                "0.00001",
                "999999999",
                "-12345678901.123456789",
                "b'1'",
                "b'1000000000001'",
                "0xFFFFFFFFFFFFFFFF",
                "2155",
            ],
            &[
                "0",
                "0.1",
                "0",
                "-0.00000000000000000000000000000000000001",
                "-1",
                "0.05",
                "-0.5",
                "0",
                "0.000000001",
                "b'0'",
                "0",
                "0",
                "0",
            ],
            &[
                "3.5",
                "123456.789",
                "7",
                "0",
                "0",
                "1",
                "0",
                "1000",
                "100000000",
                "0",
                "1",
                "1",
                "1901",
            ],
            &["NULL"; 13],
        ],
    )
}

fn strings() -> Table {
    table(
        "strings",
        &[
            "CHAR(3)",
            "CHAR(200)",
            "VARCHAR(10)",
            "VARCHAR(300)",
            "BINARY(4)",
            "BINARY(255)",
            "VARBINARY(10)",
            "VARBINARY(300)",
            "TINYTEXT",
            "TEXT",
            "MEDIUMTEXT",
            "LONGTEXT",
            "TINYBLOB",
            "BLOB",
            "MEDIUMBLOB",
            "LONGBLOB",
        ],
        &[
            &[
                "'ab '",
                "'żółw 🐢'",
                "'a b '",
                "REPEAT('ü', 300)",
                "x'01020000'",
                "x'00FF'",
                "x'0100'",
                "REPEAT(x'00', 300)",
                "'t'",
                "REPEAT('text', 100)",
                "'m'",
                "'l'",
                "x'00'",
                "x'FF00'",
                "x'01'",
                "x'02'",
            ],
            &[
                "''", "''", "''", "''", "x''", "x''", "x''", "x''", "''", "''", "''", "''", "x''", "x''",
                "x''", "x''",
            ],
            &["NULL"; 16],
        ],
    )
}

fn temporals() -> Table {
    table(
        "temporals",
        &[
            "DATE",
            "TIME",
            "TIME(1)",
            "TIME(2)",
            "TIME(3)",
            "TIME(4)",
            "TIME(6)",
            "DATETIME",
            "DATETIME(1)",
            "DATETIME(3)",
            "DATETIME(6)",
            "TIMESTAMP NULL",
            "TIMESTAMP(2) NULL",
            "TIMESTAMP(4) NULL",
            "TIMESTAMP(6) NULL",
        ],
        &[
            &[
                "'9999-12-31'",
                "'838:59:59'",
                "'-00:00:00.1'",
                "'-01:01:01.01'",
                "'-838:59:59.999'",
                "'-00:00:01.0001'",
                "'-838:59:59.999999'",
                "'9999-12-31 23:59:59'",
                "'1000-01-01 00:00:00.1'",
                "'2024-02-29 12:34:56.789'",
                "'9999-12-31 23:59:59.999999'",
                "'2038-01-19 03:14:07'",
                "'1970-01-01 00:00:01.01'",
                "'2024-02-29 12:34:56.7891'",
                "'2038-01-19 03:14:07.999999'",
            ],
            &[
                "'0000-00-00'",
                "'-838:59:59'",
                "'0'",
                "'-00:59:59.99'",
                "'838:59:59.999'",
                "'00:00:00.0001'",
                "'-00:00:00.000001'",
                "'0000-00-00 00:00:00'",
                "'0000-00-00 00:00:00'",
                "'2024-00-00 00:00:00'",
                "'0001-01-01 00:00:00'",
                "0",
                "0",
                "0",
                "0",
            ],
            &["NULL"; 15],
        ],
    )
}

fn members() -> Table {
    table(
        "members",
        &[
            "ENUM('a', 'ü', '')",
            "ENUM('x', 'é') CHARACTER SET latin1",
            "SET('a', 'b', 'ü')",
            "SET('я', 'ю') CHARACTER SET cp1251",
            "CHAR(2) CHARACTER SET latin1",
        ],
        &[
            &["'a'", "'é'", "'a,ü'", "'я,ю'", "'é'"],
            &["'ü'", "'x'", "''", "'ю'", "''"],
            &["0", "NULL", "'b'", "''", "'a'"],
        ],
    )
}

fn others() -> Table {
    table(
        "others",
        &[
            "TEXT CHARACTER SET latin1",
            "GEOMETRY",
            "TEXT CHARACTER SET cp1251",
            "POINT",
            "UUID",
            "INET6",
            "INET4",
            "VARCHAR(20) CHARACTER SET koi8r",
        ],
        &[
            &[
                "'é'",
                "ST_GeomFromText('LINESTRING(0 0,1 1)', 4326)",
                "'я'",
                "POINT(1, -1)",
                "'6ccd780c-baba-1026-9564-5b8c656024db'",
                "'2001:db8::ff00:42:8329'",
                "'255.0.1.0'",
                "'ж'",
            ],
            &[
                "''",
                "NULL",
                "''",
                "NULL",
                "'00000000-0000-0000-0000-000000000000'",
                "'::'",
                "'0.0.0.0'",
                "''",
            ],
            &["NULL"; 8],
        ],
    )
}

/// Text that the character set has, as a hexadecimal literal of UTF-8 for the server to convert.
fn charsets() -> Table {
    let (columns, row) = [
        ("CHAR(8) CHARACTER SET latin1", "'a€Œé'"),
        ("CHAR(8) CHARACTER SET latin2", "'żółw'"),
        ("CHAR(8) CHARACTER SET latin5", "'ğıÿ'"),
        ("CHAR(8) CHARACTER SET latin7", "'ąčę'"),
        ("CHAR(8) CHARACTER SET cp1250", "'€žŁ'"),
        ("CHAR(8) CHARACTER SET cp1251", "'Яёж'"),
        ("CHAR(8) CHARACTER SET cp1256", "'پچ'"),
        ("CHAR(8) CHARACTER SET cp1257", "'šž'"),
        ("CHAR(8) CHARACTER SET cp850", "'ÇØ'"),
        ("CHAR(8) CHARACTER SET cp852", "'Łő'"),
        ("CHAR(8) CHARACTER SET cp866", "'Щы'"),
        ("CHAR(8) CHARACTER SET koi8r", "'Щы'"),
        ("CHAR(8) CHARACTER SET koi8u", "'їґ'"),
        ("CHAR(8) CHARACTER SET greek", "'αΩ'"),
        ("CHAR(8) CHARACTER SET hebrew", "'אב'"),
        ("CHAR(8) CHARACTER SET tis620", "'กข'"),
        ("CHAR(8) CHARACTER SET armscii8", "'Աա'"),
        ("CHAR(8) CHARACTER SET geostd8", "'აბ'"),
        ("CHAR(8) CHARACTER SET macroman", "'Äπ'"),
        ("CHAR(8) CHARACTER SET swe7", "'Åäö'"),
        ("CHAR(8) CHARACTER SET ascii", "'plain'"),
    ]
    .into_iter()
    .unzip();
    Table {
        name: "charsets",
        columns,
        rows: vec![into_strings(row)],
    }
}

fn wide_charsets() -> Table {
    let (columns, row) = [
        ("VARCHAR(8) CHARACTER SET utf8mb3", "'é你'"),
        ("VARCHAR(8) CHARACTER SET ucs2", "'aé你'"),
        ("VARCHAR(8) CHARACTER SET utf16", "'a🐢'"),
        ("VARCHAR(8) CHARACTER SET utf16le", "'a🐢'"),
        ("VARCHAR(8) CHARACTER SET utf32", "'a🐢'"),
        ("VARCHAR(8) CHARACTER SET gbk", "'a你好'"),
        ("VARCHAR(8) CHARACTER SET gb2312", "'你好'"),
        ("VARCHAR(8) CHARACTER SET big5", "'你好'"),
        ("VARCHAR(8) CHARACTER SET sjis", "'あア〜\\\\'"),
        ("VARCHAR(8) CHARACTER SET cp932", "'あｱ～'"),
        ("VARCHAR(8) CHARACTER SET ujis", "'あ〜'"),
        ("VARCHAR(8) CHARACTER SET eucjpms", "'あ～'"),
        ("VARCHAR(8) CHARACTER SET euckr", "'가힣'"),
        ("VARCHAR(8) COLLATE utf8mb4_uca1400_german2_ai_ci", "'straße'"),
        ("VARCHAR(8) COLLATE utf8mb4_bin", "'🐢'"),
    ]
    .into_iter()
    .unzip();
    Table {
        name: "wide_charsets",
        columns,
        rows: vec![into_strings(row)],
    }
}

fn into_strings(row: Vec<&str>) -> Vec<String> {
    row.into_iter().map(str::to_owned).collect()
}

fn long_strings(text: &'static str, varchar: &'static str, blob: &'static str) -> Table {
    table(
        "long_strings",
        &[text, varchar, "VARCHAR(20)", blob],
        &[
            &[
                "REPEAT('long text ', 200)",
                "REPEAT('ü', 400)",
                "'short'",
                "REPEAT(x'00', 1500)",
            ],
            &["'short'", "'ü'", "''", "x'FF'"],
            &["''", "''", "''", "x''"],
            &["NULL", "NULL", "NULL", "NULL"],
        ],
    )
}
