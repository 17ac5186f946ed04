use super::*;

fn text(document: &[u8]) -> Parse<String> {
    let mut out = Vec::new();
    write_text(document, &mut out).map(|()| String::from_utf8(out).unwrap())
}

/// {"a": 1, "bb": [true, null, "x"]} as MySQL stores it.
fn sample() -> Vec<u8> {
    let mut array = vec![3, 0, 0, 0]; // count, size (patched)
    array.extend([4, 1, 0]); // true, inline
    array.extend([4, 0, 0]); // null, inline
    array.extend([12, 13, 0]); // string at 13
    array.extend([1, b'x']);
    array[2] = array.len() as u8;
    let mut object = vec![2, 0, 0, 0];
    object.extend([18, 0, 1, 0]); // key "a" at 18
    object.extend([19, 0, 2, 0]); // key "bb" at 19
    object.extend([5, 1, 0]); // int16 1, inline
    object.extend([2, 21, 0]); // small array at 21
    object.extend(b"abb");
    object.extend(array);
    object[2] = object.len() as u8;
    let mut document = vec![0];
    document.extend(object);
    document
}

#[test]
fn documents_print_as_select_does() {
    assert_eq!(text(&sample()).unwrap(), r#"{"a": 1, "bb": [true, null, "x"]}"#);
    assert_eq!(text(&[]).unwrap(), "null");
    assert_eq!(text(&[2, 0, 0, 4, 0]).unwrap(), "[]");
    assert_eq!(text(&[0, 0, 0, 4, 0]).unwrap(), "{}");
}

#[test]
fn scalars() {
    let check = |document: &[u8], expect: &str| assert_eq!(text(document).unwrap(), expect);
    let with = |kind: u8, data: &[u8]| [&[kind], data].concat();
    check(&[4, 2], "false");
    check(&with(5, &(-1_i16).to_le_bytes()), "-1");
    check(&with(8, &u32::MAX.to_le_bytes()), "4294967295");
    check(&with(10, &u64::MAX.to_le_bytes()), "18446744073709551615");
    check(b"\x0c\x07a\"\\\n\x01\xc3\xa9", "\"a\\\"\\\\\\n\\u0001é\"");
    let double = |number: f64| text(&with(11, &number.to_le_bytes())).unwrap();
    let cases = [
        (1.0, "1.0"),
        (-0.5, "-0.5"),
        (1e14, "100000000000000.0"),
        (1e15, "1e15"),
        (1.5e-7, "0.00000015"),
        (1e-15, "0.000000000000001"),
        (1.25e-16, "1.25e-16"),
        (1.797_693_134_862_315_7e308, "1.7976931348623157e308"),
        (0.1, "0.1"),
        (0.0, "0.0"),
    ];
    for (number, expect) in cases {
        assert_eq!(double(number), expect);
    }
}

#[test]
fn values_of_sql_types() {
    let check = |field_type: u8, data: &[u8], expect: &str| {
        let document = [&[15, field_type, data.len() as u8], data].concat();
        assert_eq!(text(&document).unwrap(), expect);
    };
    check(246, &[4, 2, 0x80 + 12, 34], "12.34");
    let date: u64 = ((2024 * 13 + 2) << 5 | 29) << 41;
    check(10, &date.to_le_bytes(), r#""2024-02-29""#);
    let datetime = date | (23 << 12 | 59 << 6 | 58) << 24 | 7;
    check(12, &datetime.to_le_bytes(), r#""2024-02-29 23:59:58.000007""#);
    let time: i64 = (838 << 12 | 59 << 6 | 59) << 24;
    check(11, &(-time).to_le_bytes(), r#""-838:59:59.000000""#);
    check(15, &[1, 2, 3], r#""base64:type15:AQID""#);
    let line = "AAAA".repeat(19);
    check(252, &[0; 58], &format!(r#""base64:type252:{line}\nAA==""#));
}

/// A document whose array cells all point at the same string would print far more than it holds.
#[test]
fn shared_and_endless_documents_are_refused() {
    let mut cells = vec![40, 0, 0, 0];
    for _ in 0..40 {
        cells.extend([12, 124, 0]);
    }
    cells.push(100);
    cells.extend([b'x'; 100]);
    cells[2] = cells.len() as u8;
    assert_eq!(
        text(&[&[2], &cells[..]].concat()),
        Err(Fault::Invalid("a JSON document uses bytes twice"))
    );
    // An array that holds itself.
    assert!(text(&[2, 1, 0, 7, 0, 2, 0, 0]).is_err());
}

fn patched(diffs: &[u8]) -> Parse<String> {
    let mut out = Vec::new();
    apply_diffs(&sample(), diffs, &mut out).map(|()| String::from_utf8(out).unwrap())
}

fn diff(operation: u8, path: &str, value: Option<&[u8]>) -> Vec<u8> {
    let mut diff = vec![operation, path.len() as u8];
    diff.extend(path.as_bytes());
    if let Some(value) = value {
        diff.push(value.len() as u8);
        diff.extend(value);
    }
    diff
}

#[test]
fn diffs_replace_insert_and_remove() {
    let two = [5, 2, 0];
    let check = |diffs: Vec<u8>, expect: &str| assert_eq!(patched(&diffs).unwrap(), expect);
    check(vec![], r#"{"a": 1, "bb": [true, null, "x"]}"#);
    check(diff(0, "$.a", Some(&two)), r#"{"a": 2, "bb": [true, null, "x"]}"#);
    check(diff(0, "$", Some(&two)), "2");
    check(
        diff(1, "$.bb[1]", Some(&two)),
        r#"{"a": 1, "bb": [true, 2, null, "x"]}"#,
    );
    check(
        diff(1, "$.c", Some(&two)),
        r#"{"a": 1, "c": 2, "bb": [true, null, "x"]}"#,
    );
    check(
        diff(1, r#"$."é\"""#, Some(&two)),
        r#"{"a": 1, "bb": [true, null, "x"], "é\"": 2}"#,
    );
    check(diff(2, "$.bb[0]", None), r#"{"a": 1, "bb": [null, "x"]}"#);
    check(diff(2, "$.a", None), r#"{"bb": [true, null, "x"]}"#);
    check(
        [diff(2, "$.a", None), diff(0, "$.bb[2]", Some(&sample()))].concat(),
        r#"{"bb": [true, null, {"a": 1, "bb": [true, null, "x"]}]}"#,
    );
}

#[test]
fn diffs_that_do_not_fit_are_refused() {
    for (operation, path) in [
        (0, "$.z"),
        (2, "$.bb[9]"),
        (2, "$"),
        (0, "$.a.b"),
        (0, "a"),
        (0, "$[x]"),
    ] {
        let value = (operation == 0).then_some(&[5, 2, 0][..]);
        let result = patched(&diff(operation, path, value));
        assert!(matches!(result, Err(Fault::PartialJson(_))), "{path}: {result:?}");
    }
}
