//! The conformance kit: the plugins of this project keep every rule, and each rule catches the plugin that breaks it.

use std::path::{Path, PathBuf};
use std::process::Command;

use host_test::bundled;
use host_test::conform::{self, Kit, KitError, RULES, Report, Scenario, Selection, Verdict};
use host_test::plugin::Plugin;

use super::host::compiler;

/// Each rule, and the mutation of the plugin that it has to catch.
const MUTANTS: [(&str, &str); 25] = [
    ("same-description", "describes-otherwise"),
    ("instances-agree", "remembers"),
    ("delivery-reaches-flow", "ignores-deliveries"),
    ("forgery-refused", "believes-forgeries"),
    ("unsigned-refused", "believes-unsigned"),
    ("replay-refused", "ignores-the-time"),
    ("provider-errors", "unavailable-is-refused"),
    ("unreadable-answers", "traps-at-unreadable"),
    ("lost-answers", "unknown-is-unavailable"),
    ("one-charge", "unknown-is-unavailable"),
    ("one-refund", "forgets-refunds"),
    ("one-completion", "completes-only-once"),
    ("one-webhook", "makes-another-webhook"),
    ("unknown-status-pending", "guesses-statuses"),
    ("final-stays-final", "refund-undoes-payment"),
    ("exact-amounts", "counts-two-decimals"),
    ("complete-events", "loses-events"),
    ("secrets-stay", "leaks-secrets"),
    ("own-origins", "calls-the-other-mode"),
    ("hostile-ids", "trusts-ids"),
    ("hostile-references", "cuts-references"),
    ("other-workspace", "ignores-workspaces"),
    ("wrong-credentials", "blames-the-provider"),
    ("clear-problems", "speaks-to-programmers"),
    ("within-limits", "wastes-memory"),
];

fn folder(of: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(of)
}

/// The scenario of Andes Pay, whose fake is built once: `cargo run` would ask for each case whether it is new.
fn andes_scenario() -> Scenario {
    let mut scenario = Scenario::read(&folder("examples/andes-pay/scenario.json")).unwrap();
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--locked", "--package", "andes-pay-fake"])
        .current_dir(folder("."))
        .status()
        .unwrap();
    assert!(built.success());
    let fake = Path::new(env!("CARGO_BIN_EXE_host-test")).with_file_name("andes-pay-fake");
    let arguments = scenario.fake.iter().skip_while(|part| *part != "--").skip(1).cloned();
    scenario.fake = std::iter::once(fake.display().to_string()).chain(arguments).collect();
    scenario
}

async fn conform(component: &[u8], scenario: Scenario, rule: Option<&str>) -> Report {
    let plugin = Plugin::load(component, &compiler()).await.unwrap();
    let kit = Kit::new(plugin, scenario).unwrap();
    let kit = kit.with_program(env!("CARGO_BIN_EXE_host-test").into());
    let selection = Selection { rule: rule.map(str::to_owned), case: None };
    conform::run(kit, &selection, |_| {}).await.unwrap_or_else(|error| panic!("{error}"))
}

/// What failed, for the message of a test.
fn failures(report: &Report) -> String {
    let failed = |rule: &&conform::RuleReport| matches!(rule.verdict(), Verdict::Failed(_));
    report.rules.iter().filter(failed).map(|rule| rule.text("host-test conform", false)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn built_in_plugin_conforms() {
    let scenario = Scenario::read(&folder("fake-stripe/scenario.json")).unwrap();
    let report = conform(bundled::COMPONENT, scenario, None).await;
    assert!(report.has_passed(), "{}", failures(&report));
    assert_eq!(report.rules.len(), RULES.len());
    for rule in &report.rules {
        assert_eq!(rule.verdict(), Verdict::Passed, "{}", rule.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn andes_pay_conforms() {
    let report = conform(include_bytes!(env!("ANDES_PAY_COMPONENT")), andes_scenario(), None).await;
    assert!(report.has_passed(), "{}", failures(&report));
    for rule in &report.rules {
        assert_eq!(rule.verdict(), Verdict::Passed, "{}", rule.name);
    }
}

/// The component with one mutation.
fn mutant(mutation: &str) -> Vec<u8> {
    let mut component = include_bytes!(env!("MUTANTS_COMPONENT")).to_vec();
    let mark = b"MUTATION=";
    let start = component.windows(mark.len()).position(|window| window == mark).unwrap();
    let start = start + mark.len();
    assert_eq!(component[start], b'~');
    component[start..start + mutation.len()].copy_from_slice(mutation.as_bytes());
    component
}

#[tokio::test(flavor = "multi_thread")]
async fn every_rule_catches_its_mutant() {
    for rule in &RULES {
        assert!(MUTANTS.iter().any(|(name, _)| *name == rule.name), "{} has no mutant", rule.name);
    }
    let honest = conform(&mutant(""), andes_scenario(), None).await;
    assert!(honest.has_passed(), "{}", failures(&honest));
    println!("| rule | mutation | caught |\n| --- | --- | --- |");
    let mut missed = Vec::new();
    for (rule, mutation) in MUTANTS {
        let report = conform(&mutant(mutation), andes_scenario(), Some(rule)).await;
        let failed = report.rules.iter().flat_map(|rule| &rule.cases).find_map(|case| {
            let Verdict::Failed(why) = &case.verdict else { return None };
            Some(format!("{}: {why}", case.name))
        });
        println!("| {rule} | {mutation} | {} |", failed.as_deref().unwrap_or("NOT CAUGHT"));
        if failed.is_none() {
            missed.push(rule);
        }
    }
    assert!(missed.is_empty(), "{missed:?} let their mutants pass");
}

#[tokio::test]
async fn kit_says_what_is_wrong_with_a_scenario() {
    let write = |text: &str| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scenario.json");
        std::fs::write(&path, text).unwrap();
        (folder, path)
    };
    let code = |result: Result<Scenario, KitError>| result.err().unwrap().problem().code;
    assert_eq!(code(Scenario::read(Path::new("none.json"))), "scenario-unreadable");
    let (_folder, path) = write("{}");
    assert_eq!(code(Scenario::read(&path)), "scenario-invalid");
    let genuine = std::fs::read_to_string(folder("fake-stripe/scenario.json")).unwrap();
    for (from, to, expected) in [
        (r#""fake-stripe", "--json""#, r#""no-such-command""#, "fake-not-started"),
        ("{public-test}={door}", "{no-such-name}", "scenario-placeholder-unknown"),
        (
            r#"stripe.com": "{listening}""#,
            r#"stripe.com": "https://api.stripe.com""#,
            "scenario-address-invalid",
        ),
        (r#""url": "{link}""#, r#""url": "{listening}/none""#, "fake-refused"),
    ] {
        let (_folder, path) = write(&genuine.replace(from, to));
        let kit = Kit::new(super::host::plugin().await, Scenario::read(&path).unwrap()).unwrap();
        let kit = kit.with_program(env!("CARGO_BIN_EXE_host-test").into());
        let selection = Selection { rule: Some("final-stays-final".to_owned()), case: None };
        let error = conform::run(kit, &selection, |_| {}).await.unwrap_err();
        assert_eq!(error.problem().code, expected, "{error}");
    }
}

/// Exit code 0: all passed. 1: a case failed. 4: the kit could not run.
#[test]
fn conform_is_a_command() {
    let folder_of_test = tempfile::tempdir().unwrap();
    let junit = folder_of_test.path().join("report.xml");
    let component = folder_of_test.path().join("mutant.wasm");
    std::fs::write(&component, mutant("describes-otherwise")).unwrap();
    let run = |arguments: &[&std::ffi::OsStr]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_host-test"));
        let output = command.arg("conform").args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let scenario = folder("fake-stripe/scenario.json");
    let with = |name: &'static str| std::ffi::OsStr::new(name);
    let common = [with("--scenario"), scenario.as_os_str()];
    let rule = [with("--rule"), with("same-description"), with("--junit"), junit.as_os_str()];
    let (code, text) = run(&[&common[..], &rule[..]].concat());
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("✓ same-description: 2 cases"), "{text}");
    let xml = std::fs::read_to_string(&junit).unwrap();
    assert!(xml.contains(r#"<testcase classname="same-description" name="one-instance""#), "{xml}");
    let (code, text) =
        run(&[&common[..], &rule[..2], &[component.as_os_str(), with("--json")]].concat());
    assert_eq!(code, Some(1), "{text}");
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["rules"][0]["cases"][1]["verdict"], "failed");
    let repeat = report["rules"][0]["cases"][1]["repeat"].as_str().unwrap();
    let expected = format!(
        "host-test conform {} --scenario {} --case same-description/one-instance",
        component.display(),
        scenario.display()
    );
    assert_eq!(repeat, expected);
    let case = [with("--case"), with("same-description/one-instance"), component.as_os_str()];
    let (code, text) = run(&[&common[..], &case[..]].concat());
    assert_eq!(code, Some(1));
    assert!(text.contains(&expected) && text.contains("Why it matters"), "{text}");
    let unknown = [with("--rule"), with("no-such-rule")];
    assert_eq!(run(&[&common[..], &unknown[..]].concat()).0, Some(4));
}
