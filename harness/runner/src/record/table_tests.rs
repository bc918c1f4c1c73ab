//! Tests of tables: what is accepted, what each error says, and that garbage never panics.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;
use proptest::prelude::*;

const HEADER: &str = "bench,arm,boot,round,unit,value";

fn parsed(text: impl AsRef<[u8]>) -> Result<Table, TableError> {
    parse_table(&mut text.as_ref(), Path::new("t.csv"))
}

/// The table of these rows under the header without `ops`.
fn table(rows: &str) -> Table {
    parsed(format!("{HEADER}\n{rows}")).unwrap()
}

/// The error of a whole file.
fn says(text: impl AsRef<[u8]>) -> String {
    parsed(text).unwrap_err().to_string()
}

/// Checks the error of a row in line 3, after a valid row.
#[track_caller]
fn row_says(row: &str, expected: &str) {
    assert_eq!(says(format!("{HEADER}\nb,a,1,1,ms,1\n{row}\n")), format!("t.csv line 3{expected}"));
}

#[test]
fn rows_are_grouped_by_bench_in_order_of_appearance() {
    let found =
        table("z/y,sev,2,1,ms,1.5\na,nosev,1,1,iops,7\nz/y,nosev,2,1,s,2\nz/y,sev,2,1,ns,9\n");
    let row =
        |arm, boot, value, line| TableRow { arm, boot, round: 1, value, operations: 1.0, line };
    let times = vec![row(0, 2, 1.5e6, 2), row(1, 2, 2e9, 4), row(0, 2, 9.0, 5)];
    let expected = Table {
        arms: vec!["sev".into(), "nosev".into()],
        benches: vec![
            TableBench { id: "z/y".into(), unit: Unit::Nanoseconds, rows: times },
            TableBench { id: "a".into(), unit: Unit::Iops, rows: vec![row(1, 1, 7.0, 3)] },
        ],
    };
    assert_eq!(found, expected);
}

#[test]
fn units_are_converted_to_their_base_unit() {
    for (word, unit, value) in [
        ("ns", Unit::Nanoseconds, 2.5),
        ("us", Unit::Nanoseconds, 2_500.0),
        ("ms", Unit::Nanoseconds, 2_500_000.0),
        ("s", Unit::Nanoseconds, 2_500_000_000.0),
        ("B/s", Unit::BytesPerSecond, 2.5),
        ("KB/s", Unit::BytesPerSecond, 2_500.0),
        ("MB/s", Unit::BytesPerSecond, 2_500_000.0),
        ("GB/s", Unit::BytesPerSecond, 2_500_000_000.0),
        ("KiB/s", Unit::BytesPerSecond, 2_560.0),
        ("MiB/s", Unit::BytesPerSecond, 2_621_440.0),
        ("GiB/s", Unit::BytesPerSecond, 2_684_354_560.0),
        ("bit/s", Unit::BitsPerSecond, 2.5),
        ("elements/s", Unit::ElementsPerSecond, 2.5),
        ("ops/s", Unit::OperationsPerSecond, 2.5),
        ("iops", Unit::Iops, 2.5),
    ] {
        let found = table(&format!("b,a,0,0,{word},2.5\n"));
        assert_eq!(
            (found.benches[0].unit, found.benches[0].rows[0].value),
            (unit, value),
            "{word}"
        );
    }
}

/// People align their columns.
#[test]
fn blanks_around_quoted_fields_are_no_part_of_them() {
    let found = table("\"a, b\" , \"nosev\",1,\t\"2\",ms,  7\n");
    assert_eq!(found.benches[0].id, "a, b");
    assert_eq!(found.arms, ["nosev"]);
    let kept = table("\"a\",\"x , \"\"y\"\"\",1,2,ms,7\n");
    assert_eq!(kept.arms, ["x , \"y\""]);
}

#[test]
fn durations_have_operations_and_rates_leave_the_field_empty() {
    let found =
        parsed(format!("{HEADER},ops\nb,a,1,1,ms,8,4000\nb,a,1,1,ms,8,\nrate,a,1,1,ops/s,5,\n"));
    let values: Vec<(f64, f64)> = found
        .unwrap()
        .benches
        .iter()
        .flat_map(|bench| bench.rows.iter().map(|row| (row.value, row.operations)))
        .collect();
    assert_eq!(values, [(8e6, 4000.0), (8e6, 1.0), (5.0, 1.0)]);
}

#[test]
fn byte_order_mark_line_ends_blanks_and_quotes_are_ignored() {
    let plain = table("a b,sev,1,2,ms,1e3\n");
    for same in [
        "\u{feff}bench,arm,boot,round,unit,value\na b,sev,1,2,ms,1e3",
        "bench,arm,boot,round,unit,value\r\na b,sev,1,2,ms,1e3\r\n\r\n\r\n",
        "bench, arm, boot, round, unit, value\na b , sev, 1, 2, ms, 1000.0\n   \n\n",
        "\"bench\",\"arm\",boot,round,unit,value\n\"a b\",\"sev\",\"1\",2,\"ms\",\"1e3\"\n",
    ] {
        assert_eq!(parsed(same).unwrap(), plain, "{same:?}");
    }
    let quoted = table("\"a \"\"b\"\", c\",s,1,1,ms,1\n");
    assert_eq!(quoted.benches[0].id, "a \"b\", c");
}

#[test]
fn file_without_a_table_says_what_to_write() {
    let header = "`bench,arm,boot,round,unit,value`, or `bench,arm,boot,round,unit,value,ops` \
                  where durations cover several operations";
    let empty = format!("t.csv is empty; write the header {header}, then one row per value");
    assert_eq!(says(""), empty);
    assert_eq!(says("\u{feff}\r\n \n"), empty);
    assert_eq!(says(HEADER), "t.csv has a header and no rows; write one row per value");
    let wrong = |found: &str| format!("t.csv line 1: `{found}` is not the header; write {header}");
    for found in ["bench,arm,boot,unit,value", "b,a,1,1,ms,1", "bench;arm;boot;round;unit;value"] {
        assert_eq!(says(found), wrong(found));
    }
    assert_eq!(says("x".repeat(99)), wrong(&format!("{}…", "x".repeat(60))));
    assert_eq!(says(b"\xff\xfeb\x00"), wrong("\u{fffd}\u{fffd}b\\u{0}"));
    let swapped = "\nbench,arm,round,boot,unit,value";
    assert!(says(swapped).starts_with("t.csv line 2: `bench,arm,round,boot"), "{}", says(swapped));
}

#[test]
fn unreadable_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.csv");
    let error = read_table(&path).unwrap_err().to_string();
    let expected = format!("cannot read {}: No such file", path.display());
    assert!(error.starts_with(&expected), "{error}");
    std::fs::write(&path, format!("{HEADER}\nb,a,1,1,s,1\n")).unwrap();
    assert_eq!(read_table(&path).unwrap().benches.len(), 1);
}

#[test]
fn malformed_row_is_named_by_its_line() {
    row_says(
        "b,a,1,1,ms,1,5",
        " has 7 fields, but the header has 6; write a decimal point, and quote a field that \
         contains a comma",
    );
    row_says(
        "b,a,1,1,ms",
        " has 5 fields, but the header has 6; write a decimal point, and quote a field that \
         contains a comma",
    );
    row_says("\"b,a,1,1,ms,1", ": a quote is not closed; double a quote inside a quoted field");
    row_says(&"b".repeat(LINE_LEN_MAX + 1), " is longer than 4096 bytes");
    row_says(&"b".repeat(1 << 20), " is longer than 4096 bytes");
    let longest = format!("{},a,1,1,ms,1", "b".repeat(LINE_LEN_MAX - 11));
    assert_eq!(longest.len(), LINE_LEN_MAX);
    assert_eq!(parsed(format!("{HEADER}\r\n{longest}\r\n")).unwrap().benches.len(), 1);
}

#[test]
fn invalid_name_is_named_by_its_column() {
    row_says(",a,1,1,ms,1", ", column 1 (`bench`): the name is empty");
    row_says("b, ,1,1,ms,1", ", column 2 (`arm`): the name is empty");
    row_says(
        "b\u{1b}[2J,a,1,1,ms,1",
        ", column 1 (`bench`): the name `b\\u{1b}[2J` contains a control character",
    );
    row_says(
        "b,a\rb,a,1,1,ms",
        ", column 2 (`arm`): the name `a\\u{d}b` contains a control character",
    );
    let bytes = [HEADER.as_bytes(), b"\nb\xff,a,1,1,ms,1\n"].concat();
    assert_eq!(
        says(bytes),
        "t.csv line 2, column 1 (`bench`): the text is not UTF-8; save the file as UTF-8"
    );
}

#[test]
fn invalid_number_is_named_by_its_column() {
    let index = |text: &str| format!("`{text}` is not a whole number from 0 to 4294967295");
    for text in ["-1", "1.5", "4294967296", "one"] {
        row_says(&format!("b,a,{text},1,ms,1"), &format!(", column 3 (`boot`): {}", index(text)));
        row_says(&format!("b,a,1,{text},ms,1"), &format!(", column 4 (`round`): {}", index(text)));
    }
    row_says("b,a,,1,ms,1", &format!(", column 3 (`boot`): {}", index("")));
    for text in ["0", "-0.5", "NaN", "inf", "-inf", "1e999", "1e-999"] {
        row_says(
            &format!("b,a,1,1,ms,{text}"),
            &format!(
                ", column 6 (`value`): `{text}` is not a finite number above zero; leave out rows \
                 that measured nothing"
            ),
        );
    }
    for text in ["1_000", "5 ms", "\"1,5\"", ""] {
        let shown = text.trim_matches('"');
        row_says(
            &format!("b,a,1,1,ms,{text}"),
            &format!(
                ", column 6 (`value`): `{shown}` is not a number; write it like 1234.5 or 1.2345e3"
            ),
        );
    }
    row_says("b,a,1,1,s,1e308", ", column 6 (`value`): `1e308` is too large or too small in ns");
}

#[test]
fn unknown_and_mixed_units_are_named() {
    row_says(
        "b,a,1,1,min,1",
        ", column 5 (`unit`): unknown unit `min`; use one of ns, us, ms, s, B/s, KB/s, MB/s, GB/s, \
         KiB/s, MiB/s, GiB/s, bit/s, elements/s, ops/s, iops",
    );
    for unit in ["MB/s", "iops", "ops/s"] {
        row_says(
            &format!("b,a,1,1,{unit},1"),
            &format!(
                ", column 5 (`unit`): cannot mix `{unit}` with `ms` in line 2: the values of a \
                 bench must be all durations, or all rates of one kind"
            ),
        );
    }
    let rates = says(format!("{HEADER}\nb,a,1,1,KB/s,1\nb,a,1,1,MiB/s,1\nb,a,1,1,iops,1\n"));
    assert!(
        rates.starts_with(
            "t.csv line 4, column 5 (`unit`): cannot mix `iops` with `KB/s` in line 2"
        )
    );
}

#[test]
fn invalid_operation_count_is_named() {
    let ops_says = |row: &str| says(format!("{HEADER},ops\n{row}\n"));
    for text in ["0", "-4", "1.5", "x"] {
        assert_eq!(
            ops_says(&format!("b,a,1,1,ms,1,{text}")),
            format!(
                "t.csv line 2, column 7 (`ops`): `{text}` is not a number of operations; write a \
                 whole number above 0"
            )
        );
    }
    assert_eq!(
        ops_says("b,a,1,1,MB/s,1,1"),
        "t.csv line 2, column 7 (`ops`): `ops` applies to durations only; leave it empty for a \
         rate"
    );
    assert_eq!(
        ops_says("b,a,1,1,ms,1"),
        "t.csv line 2 has 6 fields, but the header has 7; write a decimal point, and quote a field \
         that contains a comma"
    );
    assert_eq!(
        ops_says("b,a,1,1,ns,1e-308,18446744073709551615"),
        "t.csv line 2, column 6 (`value`): `1e-308` is too large or too small in ns"
    );
}

/// Quotes a field if it must be quoted, or always.
fn quoted(field: &str, always: bool) -> String {
    if always || field.contains([',', '"']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.into()
    }
}

/// A row to write: bench and arm by number, boot, round, unit by number, value, operations, whether
/// to quote.
type Written = (usize, usize, u32, u32, usize, f64, u64, bool);

fn any_row() -> impl Strategy<Value = Written> {
    let value = prop_oneof![1e-6_f64..1e6, Just(0.1), Just(123_456_789.125)];
    (0..4_usize, 0..3_usize, any::<u32>(), any::<u32>(), 0..4_usize, value, 1..9_u64, any::<bool>())
}

proptest! {
    #[test]
    fn written_table_is_read_back(
        rows in proptest::collection::vec(any_row(), 1..60),
        bench_names in proptest::collection::hash_set("[a-zé\"/, ]{0,6}[a-z\",]", 4),
        mark in any::<bool>(),
    ) {
        let names: Vec<String> = bench_names.iter().map(|name| name.trim().to_owned()).collect();
        prop_assume!(names.iter().collect::<std::collections::HashSet<_>>().len() == 4);
        let kinds = [&UNITS[0..4], &UNITS[4..8], &UNITS[11..12], &UNITS[12..13]];
        let arms = ["nosev", "sev", "snp, \"vTOM\""];
        let mut text = format!("{}{HEADER},ops\r\n", if mark { "\u{feff}" } else { "" });
        let mut expected: Vec<(&str, &str, TableRow)> = Vec::new();
        for (line, row) in (2..).zip(&rows) {
            let (bench, arm, boot, round, unit, value, ops, always) = row;
            let kind = kinds[*bench];
            let (word, base, factor) = kind[unit % kind.len()];
            let ops_text = if base.is_rate() { String::new() } else { ops.to_string() };
            let (name, arm) = (&names[*bench], arms[*arm]);
            text += &format!(
                "{},{},{boot},{round},{},{value:?},{ops_text}\r\n",
                quoted(name, *always), quoted(arm, *always), quoted(word, *always),
            );
            let value = value * factor;
            let operations = if base.is_rate() { 1.0 } else { *ops as f64 };
            let (boot, round) = (*boot, *round);
            expected.push((name, arm, TableRow { arm: 0, boot, round, value, operations, line }));
        }
        let found = parsed(&text).unwrap();
        let mut read: Vec<(&str, &str, TableRow)> = Vec::new();
        for bench in &found.benches {
            for row in &bench.rows {
                let arm = found.arms[row.arm].as_str();
                read.push((&bench.id, arm, TableRow { arm: 0, ..row.clone() }));
            }
        }
        read.sort_by_key(|(.., row)| row.line);
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parsed(&bytes);
        let with_header = [HEADER.as_bytes(), b",ops\nb,a,1,1,ms,1,1\n", &bytes].concat();
        if let Err(error) = parsed(&with_header) {
            prop_assert!(error.to_string().starts_with("t.csv line "), "{}", error);
            prop_assert!(!error.to_string().contains(char::is_control), "{:?}", error.to_string());
        }
    }

    #[test]
    fn odd_fields_never_panic_and_errors_name_a_line(
        rows in proptest::collection::vec(
            proptest::collection::vec("[a-c]|ms|iops|[0-9.e\"-]{0,4}|NaN|\"\"|\r| ", 5..8), 1..6,
        ),
    ) {
        let text: Vec<String> = rows.iter().map(|row| row.join(",")).collect();
        if let Err(error) = parsed(format!("{HEADER}\nb,a,1,1,ms,1\n{}", text.join("\n"))) {
            prop_assert!(error.to_string().starts_with("t.csv line "), "{}", error);
        }
    }
}
