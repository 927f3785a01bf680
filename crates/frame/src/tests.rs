use almanac_forecast::{
    Calendar, CentralLevel, Forecast, ForecastLimits, Horizon, QuantileGrid, QuantileLevel,
    QuantileLevels, Stamp,
};
use proptest::prelude::*;

use super::*;

const LIMITS: ForecastLimits = ForecastLimits {
    series: 4,
    values: 6,
    horizon: 50,
    levels: 10,
    covariates: 4,
};

fn read(text: &str) -> Result<Table, FrameError> {
    read_csv(text.as_bytes(), &ColumnChoice::default(), &LIMITS)
}

/// Returns a line for each series: its id, its values or its error, and its stamps.
fn summary(table: &Table) -> String {
    let mut lines = vec![table.recognised.to_string()];
    for series in &table.series {
        let id = series.id.as_deref().unwrap_or("-");
        lines.push(match &series.draft {
            Ok(draft) => match &draft.timestamps {
                Some(stamps) => format!("{id}: {:?} at {}", draft.values, stamps.join(" ")),
                None => format!("{id}: {:?}", draft.values),
            },
            Err(error) => format!("{id}: {error}"),
        });
    }
    lines.join("\n")
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    assert_eq!(
        summary(&read(text).unwrap()).lines().collect::<Vec<_>>(),
        expected
    );
}

#[track_caller]
fn check_rejected(text: &str, expected: &str) {
    assert_eq!(read(text).unwrap_err().to_string(), expected);
}

#[test]
fn rows_of_mixed_series_keep_their_order() {
    check(
        "unique_id,ds,y\nb,2024-01-02,1\na,2024-01-01,10\nb,2024-01-01,NaN\na,2024-01-02,\n",
        &[
            r#"long table, id in "unique_id", time in "ds", target in "y""#,
            "b: [1.0, NaN] at 2024-01-02 2024-01-01",
            "a: [10.0, NaN] at 2024-01-01 2024-01-02",
        ],
    );
}

#[test]
fn a_long_table_without_ids_is_one_series_and_lists_ignored_columns() {
    check(
        "ds,y,holiday\n2024-01-01,1,x\n2024-01-02,2,\n",
        &[
            r#"long table, time in "ds", target in "y"; columns ignored: holiday"#,
            "-: [1.0, 2.0] at 2024-01-01 2024-01-02",
        ],
    );
    check(
        "value\n1\n2\n",
        &[r#"long table, target in "value""#, "-: [1.0, 2.0]"],
    );
}

#[test]
fn each_column_of_a_wide_table_is_a_series() {
    check(
        "month,north,south\n2024-01,1,\n2024-02,2,5\n",
        &[
            r#"wide table, one series per column, time in "month""#,
            "north: [1.0, 2.0] at 2024-01 2024-02",
            "south: [NaN, 5.0] at 2024-01 2024-02",
        ],
    );
}

#[test]
fn a_first_column_of_stamps_is_time_and_one_of_numbers_is_not() {
    check(
        "when,a,note\n2024-01-01 00:00,1,dry\n2024-01-01 01:00,2,wet\n",
        &[
            r#"wide table, one series per column, time in "when"; columns ignored: note"#,
            "a: [1.0, 2.0] at 2024-01-01 00:00 2024-01-01 01:00",
        ],
    );
    check(
        "a,b\n1,3\n2,4\n",
        &[
            "wide table, one series per column",
            "a: [1.0, 2.0]",
            "b: [3.0, 4.0]",
        ],
    );
    check(
        ",a\n0,3\n1,4\n",
        &[
            r#"wide table, one series per column, time in """#,
            "a: [3.0, 4.0] at 0 1",
        ],
    );
}

#[test]
fn byte_order_mark_line_ends_quotes_and_delimiters_are_recognised() {
    let long = r#"long table, id in "id", time in "date", target in "value""#;
    check(
        "\u{feff}id;date;value\r\n\"a;b\";2024-01-01;1.5\r\n\r\na;2024-01-01;2\r\n",
        &[long, "a;b: [1.5] at 2024-01-01", "a: [2.0] at 2024-01-01"],
    );
    check(
        "id\tdate\tvalue\na\t2024-01-01\t1\n",
        &[long, "a: [1.0] at 2024-01-01"],
    );
    check(
        "\n\r\n\"id\", date , value\n\"say \"\"a\"\"\", 2024-01-01, 1\n",
        &[long, r#"say "a": [1.0] at 2024-01-01"#],
    );
}

#[test]
fn a_bad_cell_fails_only_its_series() {
    check(
        "id,value\na,1\nb,x\nb,y\na,2\nc,1e400\n\nd,n/a\n",
        &[
            r#"long table, id in "id", target in "value""#,
            "a: [1.0, 2.0]",
            r#"b: line 3, column value: "x" is not a number; leave a missing value empty"#,
            "c: [inf]",
            "d: [NaN]",
        ],
    );
    check(
        "day;a;b\n2024-01-01;1,5;1\n2024-01-02;2;2\n",
        &[
            r#"wide table, one series per column, time in "day""#,
            r#"a: line 2, column a: "1,5" has a comma; use a decimal point and no thousands separators"#,
            "b: [1.0, 2.0] at 2024-01-01 2024-01-02",
        ],
    );
}

#[test]
fn limits_are_enforced() {
    let rows: String = (0..9).map(|row| format!("a,{row}\n")).collect();
    check(
        &format!("id,value\nb,1\n{rows}"),
        &[
            r#"long table, id in "id", target in "value""#,
            "b: [1.0]",
            "a: the series has 9 rows, over the limit of 6 values; send only its end",
        ],
    );
    let expected = "the table has more series than the limit of 4; send it in parts";
    check_rejected("id,value\na,1\nb,1\nc,1\nd,1\ne,1\n", expected);
    check_rejected("a,b,c,d,e\n1,2,3,4,5\n", expected);
}

#[test]
fn rejects_texts_that_are_not_tables() {
    check_rejected(
        "",
        "the table is empty; its first line must have the names of the columns",
    );
    check_rejected(
        " \n\r\n",
        "the table is empty; its first line must have the names of the columns",
    );
    check_rejected(
        "ds,y\n",
        r#"the table has no rows after its header, "ds", "y""#,
    );
    check_rejected(
        "a,b\n",
        r#"the table has no rows after its header, "a", "b""#,
    );
    check_rejected(
        "a,b\n1,2\n1,2,3\n",
        "line 3 has 3 cells, but the header has 2",
    );
    check_rejected(
        "id,value\r\n\r\na,1\r\nb\r\n",
        "line 4 has 1 cells, but the header has 2",
    );
    check_rejected(
        "id,value\r\"a\r\nb\",1\rb",
        "line 4 has 1 cells, but the header has 2",
    );
    let error = read_csv(
        &b"id,value\na,1\n\xff,2\n"[..],
        &ColumnChoice::default(),
        &LIMITS,
    );
    assert_eq!(
        error.unwrap_err().to_string(),
        "line 3 is not UTF-8; save the table as UTF-8"
    );
}

#[test]
fn rejects_tables_with_unclear_ids() {
    check_rejected(
        "store,date,sales\nnorth,2024-01-01,1\nsouth,2024-01-02,2\n",
        r#"line 2, column store: "north" is neither a number nor a timestamp such as 2024-01-31; select columns among "store", "date", "sales" with id_column, time_column and target_column"#,
    );
    check_rejected(
        "date,store,sales\n2024-01-01,1,5\n2024-01-01,2,6\n",
        r#"line 3 repeats the first timestamp, "2024-01-01"; if one of the columns "store", "sales" has the ids of the series, select it with id_column"#,
    );
    check_rejected(
        "date,store,value\n2024-01-01,1,5\n2024-01-01,2,6\n",
        r#"line 3 repeats the first timestamp, "2024-01-01"; if one of the columns "store" has the ids of the series, select it with id_column"#,
    );
}

#[test]
fn settings_are_set_in_every_draft() {
    let settings = SeriesSettings {
        frequency: Some("MS".to_owned()),
        timezone: None,
        season_length: Some(SeasonDraft::Steps(4)),
    };
    let table = read("id,value\na,1\nb,x\n")
        .unwrap()
        .with_settings(&settings);
    let draft = table.series[0].draft.as_ref().unwrap();
    assert_eq!(draft.frequency.as_deref(), Some("MS"));
    assert_eq!(draft.season_length, Some(SeasonDraft::Steps(4)));
    assert!(table.series[1].draft.is_err());
}

fn level(level: f64) -> QuantileLevel {
    QuantileLevel::new(level).unwrap()
}

/// Returns a forecast of `steps`, whose quantiles 0.1 and 0.9 are one below and above.
fn forecast(steps: &[f64]) -> Forecast {
    let levels = QuantileLevels::with_median([level(0.1), level(0.9)]);
    let row = |offset: f64| steps.iter().map(move |value| value + offset);
    let rows = row(-1.0).chain(row(0.0)).chain(row(1.0)).collect();
    let grid = QuantileGrid::new(levels.clone(), rows).unwrap();
    Forecast::from_grid(&grid, &levels, None)
}

#[test]
fn writes_a_row_for_each_step_and_one_for_each_failure() {
    let columns = ForecastColumns {
        quantiles: vec![level(0.1)],
        levels: vec![CentralLevel::new(80.0).unwrap()],
    };
    let calendar = Calendar::new(Stamp::parse("2024-01").unwrap(), "MS".parse().unwrap()).unwrap();
    let stamps = calendar.stamps(3, 2).unwrap();
    let mut writer = ForecastWriter::new(Vec::new(), columns).unwrap();
    writer
        .write_forecast(Some("a, b"), Some(&stamps), &forecast(&[432.25, 1e20]))
        .unwrap();
    writer.write_failure(Some("c"), &"no values").unwrap();
    writer
        .write_forecast(None, None, &forecast(&[2.0]))
        .unwrap();
    let text = String::from_utf8(writer.finish().unwrap()).unwrap();
    insta::assert_snapshot!(text, @r#"
    id,timestamp,point,0.1,lower-80,upper-80,error
    "a, b",2024-04,432.25,431.25,431.25,433.25,
    "a, b",2024-05,1e+20,1e+20,1e+20,1e+20,
    c,,,,,,no values
    ,1,2.0,1.0,1.0,3.0,
    "#);
}

fn arbitrary_id() -> impl Strategy<Value = String> {
    // Trimmed, since cells are trimmed; an id may have any other characters.
    any::<String>().prop_map(|id| id.trim().to_owned())
}

proptest! {
    #[test]
    fn written_forecasts_round_trip(
        ids in prop::collection::btree_set(arbitrary_id(), 1..4),
        steps in prop::collection::vec(prop::num::f32::NORMAL, 1..6),
    ) {
        let steps: Vec<_> = steps.into_iter().map(f64::from).collect();
        let mut writer = ForecastWriter::new(Vec::new(), ForecastColumns::default()).unwrap();
        for id in &ids {
            writer.write_forecast(Some(id), None, &forecast(&steps)).unwrap();
        }
        let text = writer.finish().unwrap();
        let choice = ColumnChoice { target: Some("point".to_owned()), ..ColumnChoice::default() };
        let table = read_csv(&text[..], &choice, &LIMITS).unwrap();
        prop_assert_eq!(table.series.len(), ids.len());
        for (series, id) in table.series.iter().zip(&ids) {
            prop_assert_eq!(series.id.as_ref(), Some(id));
            let draft = series.draft.as_ref().unwrap();
            let presented = |values: &[f64]| -> Vec<_> {
                values.iter().map(|&value| DisplayValue::from(value)).collect()
            };
            prop_assert_eq!(presented(&draft.values), presented(&steps));
        }
    }

    #[test]
    fn a_bad_series_does_not_change_the_others(
        cells in prop::collection::vec((0_u8..3, -1e6..1e6_f64), 1..6),
        bad in any::<String>().prop_filter("no number", |text| {
            cell::parse(text.trim()).is_err()
        }),
        place in any::<prop::sample::Index>(),
    ) {
        let table = |rows: &[(String, String)]| {
            let mut writer = csv::Writer::from_writer(Vec::new());
            writer.write_record(["id", "value"]).unwrap();
            for (id, value) in rows {
                writer.write_record([id, value]).unwrap();
            }
            read_csv(&writer.into_inner().unwrap()[..], &ColumnChoice::default(), &LIMITS).unwrap()
        };
        let mut rows: Vec<_> =
            cells.iter().map(|(id, value)| (id.to_string(), value.to_string())).collect();
        let before = table(&rows);
        rows.insert(place.index(rows.len() + 1), ("bad".to_owned(), bad));
        let mut after = table(&rows);
        after.series.retain(|series| series.id.as_deref() != Some("bad"));
        prop_assert_eq!(before.series, after.series);
    }

    #[test]
    fn any_bytes_are_read_or_rejected(bytes in any::<Vec<u8>>(), text in "[ayds,;\t\r\n\"0-9.-]{0,60}") {
        for input in [&bytes[..], text.as_bytes()] {
            if let Ok(table) = read_csv(input, &ColumnChoice::default(), &LIMITS) {
                prop_assert!(!table.series.is_empty() && table.series.len() <= LIMITS.series);
                for draft in table.series.iter().filter_map(|series| series.draft.as_ref().ok()) {
                    prop_assert!((1..=LIMITS.values).contains(&draft.values.len()));
                    let stamps = draft.timestamps.as_ref();
                    prop_assert!(stamps.is_none_or(|stamps| stamps.len() == draft.values.len()));
                }
            }
        }
    }
}

#[test]
fn a_draft_of_a_table_becomes_a_request() {
    let table = read("ds,y\n2024-01-01,1\n2024-02-01,2\n2024-03-01,3\n").unwrap();
    let draft = table.series.into_iter().next().unwrap().draft.unwrap();
    let horizon = Horizon::new(3, LIMITS.horizon).unwrap();
    let request = draft
        .into_request(horizon, QuantileLevels::with_median([]), &LIMITS)
        .unwrap();
    assert_eq!(request.series().values(), [1.0, 2.0, 3.0]);
    assert!(request.series().calendar().is_some());
}
