//! The documents for plugin developers: `SCENARIO.md` has each field that a scenario may have, and no other;
//! `WRITE_A_PLUGIN.md` has each rule.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use host_test::conform::{RULES, Scenario};
use serde_json::{Map, Value, json};

use super::host::private_folder;

const DOCUMENT: &str = include_str!("../../SCENARIO.md");

/// A name that no scenario has.
const UNKNOWN: &str = "unknown-here";

/// What serde says of a scenario, or that it can be read.
fn read(scenario: &Value) -> Result<(), String> {
    let folder = private_folder();
    let file = folder.path().join("scenario.json");
    fs::write(&file, scenario.to_string()).unwrap();
    Scenario::read(&file).map(|_| ()).map_err(|error| error.to_string())
}

/// The names that are expected in place of [`UNKNOWN`].
fn expected(scenario: &Value) -> BTreeSet<String> {
    let error = read(scenario).unwrap_err();
    let (_, names) = error.split_once("expected").unwrap();
    names.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The names in the first column of the table below a heading.
fn documented(heading: &str) -> BTreeSet<String> {
    let (_, section) = DOCUMENT.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let cell = |line: &str| Some(line.strip_prefix("| `")?.split_once("` |")?.0.to_owned());
    section.lines().filter_map(cell).collect()
}

#[test]
fn scenario_document_has_every_field() {
    let unknown = json!({ UNKNOWN: null });
    let rows = [
        ("The fields of the scenario", unknown.clone()),
        ("The fields of `credentials`", json!({ "credentials": unknown })),
        ("The fields of an entry of `wrong`", json!({ "credentials": { "wrong": [unknown] } })),
        ("The fields of `webhook`", json!({ "webhook": unknown })),
        ("The fields of `by-hand`", json!({ "webhook": { "by-hand": unknown } })),
        ("The fields of a request", json!({ "actions": { "pays": [unknown] } })),
        ("The actions", json!({ "actions": unknown })),
        ("The fields of `count`", json!({ "count": unknown })),
        ("The fields of a reading", json!({ "count": { "payments": unknown } })),
        ("The fields of `signature`", json!({ "signature": unknown })),
        ("The fields of an entry of `amounts`", json!({ "amounts": [unknown] })),
        ("What `no` may list", json!({ "no": [UNKNOWN] })),
    ];
    for (heading, scenario) in &rows {
        assert_eq!(documented(heading), expected(scenario), "{heading}");
    }
    let tables = DOCUMENT.matches("\n## ").count();
    assert_eq!(tables, rows.len() + 1, "a heading is not tried: all but that of the braces are");
}

#[test]
fn examples_of_the_scenario_document_are_one_scenario() {
    let examples =
        DOCUMENT.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let mut whole = Map::new();
    for example in examples {
        let fields: Map<String, Value> = serde_json::from_str(example).unwrap();
        for (name, value) in fields {
            assert!(whole.insert(name.clone(), value).is_none(), "`{name}` has two examples");
        }
    }
    let shown: BTreeSet<String> = whole.keys().cloned().collect();
    assert_eq!(shown, documented("The fields of the scenario"));
    read(&Value::Object(whole)).unwrap();
}

/// A rule that an author does not find in a step is one that fails only at the end.
#[test]
fn every_rule_is_in_a_step_of_the_plugin_document() {
    let document = include_str!("../../WRITE_A_PLUGIN.md");
    let (_, steps) = document.split_once("| step | in the fake |").unwrap();
    let (table, rest) = steps.split_once("\n\n").unwrap();
    let cells = table.lines().skip(2).map(|row| row.trim_end_matches(" |").rsplit(" | ").next());
    let (end, _) = rest.split_once("belong to no step").unwrap();
    let named = cells.map(Option::unwrap).chain([end.lines().last().unwrap()]);
    let named: BTreeSet<&str> =
        named.flat_map(|names| names.split('`').skip(1).step_by(2)).collect();
    let rules: BTreeSet<&str> = RULES.iter().map(|rule| rule.name).collect();
    assert_eq!(named, rules);
}

#[test]
fn every_scenario_of_the_examples_can_be_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    for file in [
        "examples/andes-pay/scenario.json",
        "examples/other-languages/scenario.json",
        "fake-stripe/scenario.json",
    ] {
        assert!(DOCUMENT.contains(&format!("]({file})")), "{file}");
        Scenario::read(&folder.join(file)).map(|_| ()).unwrap();
    }
}
