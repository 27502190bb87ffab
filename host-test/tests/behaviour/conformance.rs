//! The conformance kit: the plugins of this project keep every rule, and each rule catches the plugin that breaks it.

use std::path::{Path, PathBuf};
use std::process::Command;

use host_test::bundled;
use host_test::conform::{self, Kit, KitError, RULES, Report, Scenario, Selection, Verdict};
use host_test::plugin::Plugin;

use super::host::compiler;

/// Each rule, a mutation of the plugin, and cases of the rule that have to catch it.
const MUTANTS: [(&str, &str, &[&str]); 54] = [
    ("same-description", "describes-otherwise", &["one-instance"]),
    ("instances-agree", "remembers", &["get-payment"]),
    ("instances-agree", "remembers-the-first-merchant", &["get-payment"]),
    ("delivery-reaches-flow", "ignores-deliveries", &["by-hand", "declined", "twice"]),
    ("delivery-reaches-flow", "delivers-pending", &["says-approved", "says-rejected"]),
    ("delivery-reaches-flow", "delivers-nothing-paid", &["says-approved"]),
    ("delivery-reaches-flow", "needs-a-secret", &["without-secret"]),
    ("delivery-reaches-flow", "identifies-nothing", &["shared-url"]),
    ("delivery-reaches-flow", "renames-deliveries", &["twice"]),
    (
        "forgery-refused",
        "believes-forgeries",
        &["each-byte-of-the-body", "each-byte-of-the-headers"],
    ),
    ("forgery-refused", "verifies-nothing", &["each-byte-of-the-body"]),
    ("forgery-refused", "names-no-signature", &["each-byte-of-the-body"]),
    (
        "unsigned-refused",
        "believes-unsigned",
        &["without-headers", "without-one-header", "empty-headers"],
    ),
    ("unsigned-refused", "believes-forgeries", &["other-secret", "no-secret"]),
    ("replay-refused", "ignores-the-time", &["too-old", "in-the-future"]),
    ("provider-errors", "unavailable-is-refused", &["get-payment"]),
    ("provider-errors", "invents-success", &["create-payment-write"]),
    ("unreadable-answers", "traps-at-unreadable", &["get-payment"]),
    ("unreadable-answers", "invents-success", &["create-payment-write"]),
    ("lost-answers", "unknown-is-unavailable", &["create-payment", "create-payment-requests"]),
    ("lost-answers", "invents-success", &["create-payment-requests"]),
    ("lost-answers", "uninstalls-blindly", &["uninstall"]),
    ("searches-find", "finds-no-payment", &["payment"]),
    ("searches-find", "finds-any-payment", &["unknown-payment"]),
    ("searches-find", "finds-no-refund", &["refund"]),
    ("searches-find", "finds-any-refund", &["unknown-refund"]),
    ("searches-find", "refunds-without-search", &["refund-with-another-key"]),
    ("one-charge", "unknown-is-unavailable", &["pay-request-1-cut-after"]),
    ("one-refund", "forgets-refunds", &["refund-request-5-cut-after"]),
    ("one-completion", "completes-only-once", &["complete-request-3-cut-after"]),
    ("one-webhook", "makes-another-webhook", &["repair-request-1-cut-before"]),
    (
        "unknown-status-pending",
        "guesses-statuses",
        &["new-payment", "paid-payment", "declined-payment"],
    ),
    ("unknown-status-pending", "guesses-refunds", &["refund"]),
    ("final-stays-final", "refund-undoes-payment", &["approved-then-refunded"]),
    ("final-stays-final", "guesses-refunds", &["approved-then-refund-failed"]),
    ("final-stays-final", "delivers-declined-late", &["approved-then-older-delivery"]),
    ("final-stays-final", "cancels-what-is-paid", &["approved-is-not-canceled"]),
    ("exact-amounts", "counts-two-decimals", &["clp-1000", "in-clp"]),
    ("exact-amounts", "counts-wrong-both-ways", &["clp-1000", "in-isk", "in-jpy", "in-kwd"]),
    ("exact-amounts", "refunds-everything", &["part-of-a-refund"]),
    ("complete-events", "loses-events", &["one-by-one"]),
    ("complete-events", "lists-the-oldest-first", &["newest-first"]),
    ("complete-events", "lists-everything", &["since"]),
    ("complete-events", "names-events-alike", &["ids-are-kept"]),
    ("secrets-stay", "leaks-secrets", &["get-payment"]),
    ("own-origins", "calls-the-other-mode", &["test", "live"]),
    ("hostile-ids", "trusts-ids", &["get-payment"]),
    ("hostile-references", "cuts-references", &["payment"]),
    ("other-workspace", "ignores-workspaces", &["payment"]),
    ("wrong-credentials", "blames-the-provider", &["1"]),
    ("clear-problems", "speaks-to-programmers", &["get-payment"]),
    ("clear-problems", "reports-without-sentences", &["report-status"]),
    ("within-limits", "wastes-memory", &["get-payment"]),
    ("within-limits", "traps-at-brackets", &["largest-delivery"]),
];

/// The cases that do not apply to the built-in plugin: its signature needs no request, and nothing is to be repaired.
const NOT_OF_STRIPE: [&str; 5] = [
    "provider-errors/handle-webhook",
    "provider-errors/repair-write",
    "unreadable-answers/handle-webhook",
    "unreadable-answers/repair-write",
    "lost-answers/handle-webhook",
];

/// Those of Andes Pay: the merchant makes its webhook, so the plugin changes nothing when it is installed or removed.
const NOT_OF_ANDES_PAY: [&str; 12] = [
    "delivery-reaches-flow/automatic",
    "provider-errors/uninstall",
    "provider-errors/install-write",
    "provider-errors/repair-write",
    "provider-errors/uninstall-write",
    "unreadable-answers/uninstall",
    "unreadable-answers/install-write",
    "unreadable-answers/repair-write",
    "unreadable-answers/uninstall-write",
    "lost-answers/uninstall",
    "lost-answers/uninstall-requests",
    "one-webhook/uninstall",
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
    assert_eq!(not_applicable(&report), NOT_OF_STRIPE);
}

#[tokio::test(flavor = "multi_thread")]
async fn andes_pay_conforms() {
    let report = conform(include_bytes!(env!("ANDES_PAY_COMPONENT")), andes_scenario(), None).await;
    assert!(report.has_passed(), "{}", failures(&report));
    for rule in &report.rules {
        assert_eq!(rule.verdict(), Verdict::Passed, "{}", rule.name);
    }
    assert_eq!(not_applicable(&report), NOT_OF_ANDES_PAY);
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
        assert!(MUTANTS.iter().any(|(name, ..)| *name == rule.name), "{} has no mutant", rule.name);
    }
    let honest = conform(&mutant(""), andes_scenario(), None).await;
    assert!(honest.has_passed(), "{}", failures(&honest));
    println!("| rule | cases | mutation | caught |\n| --- | --- | --- | --- |");
    let mut missed = Vec::new();
    for (rule, mutation, expected) in MUTANTS {
        let report = conform(&mutant(mutation), andes_scenario(), Some(rule)).await;
        assert!(report.stopped.is_none(), "{:?}", report.stopped);
        let cases = report.rules.iter().flat_map(|rule| &rule.cases);
        let failed = cases.filter(|case| matches!(case.verdict, Verdict::Failed(_)));
        let failed: Vec<&str> = failed.map(|case| case.name.as_str()).collect();
        println!("| {rule} | {} | {mutation} | {} |", expected.join(", "), failed.join(", "));
        if failed.is_empty() || !expected.iter().all(|case| failed.contains(case)) {
            missed.push((rule, mutation));
        }
    }
    assert!(missed.is_empty(), "{missed:?} let their mutants pass");
}

/// The cases that do not apply, as `rule/case`.
fn not_applicable(report: &Report) -> Vec<String> {
    let of_rule = |rule: &conform::RuleReport| {
        let cases = rule.cases.iter();
        let cases = cases.filter(|case| matches!(case.verdict, Verdict::NotApplicable(_)));
        cases.map(|case| format!("{}/{}", rule.name, case.name)).collect::<Vec<_>>()
    };
    report.rules.iter().flat_map(of_rule).collect()
}

/// A scenario that says nothing of what a rule needs lets nothing pass.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_scenario_does_not_say_is_not_tested() {
    for rule in ["searches-find", "final-stays-final", "exact-amounts", "hostile-references"] {
        let mut silent = andes_scenario();
        silent.actions.clear();
        silent.count = conform::Counts::default();
        silent.amount_at_provider = None;
        let report = conform(include_bytes!(env!("ANDES_PAY_COMPONENT")), silent, Some(rule)).await;
        assert!(!report.has_passed(), "{rule}");
        assert!(matches!(report.rules[0].verdict(), Verdict::NotTested(_)), "{rule}");
        assert!(report.summary().contains(&format!("Not tested: {rule}")), "{}", report.summary());
    }
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
    ] {
        let (_folder, path) = write(&genuine.replace(from, to));
        let kit = Kit::new(super::host::plugin().await, Scenario::read(&path).unwrap()).unwrap();
        let kit = kit.with_program(env!("CARGO_BIN_EXE_host-test").into());
        let selection = Selection { rule: Some("final-stays-final".to_owned()), case: None };
        let report = conform::run(kit, &selection, |_| {}).await.unwrap();
        assert_eq!(report.stopped.as_ref().unwrap().code, expected, "{:?}", report.stopped);
        assert!(!report.has_passed() && conform::junit(&report).contains("errors=\"1\""));
    }
    // A plugin may be why: it is a verdict of the case, with what was sent.
    let (_folder, path) =
        write(&genuine.replace(r#""url": "{link}""#, r#""url": "{listening}/none""#));
    let kit = Kit::new(super::host::plugin().await, Scenario::read(&path).unwrap()).unwrap();
    let kit = kit.with_program(env!("CARGO_BIN_EXE_host-test").into());
    let selection = Selection {
        rule: Some("final-stays-final".to_owned()),
        case: Some("approved-then-read".to_owned()),
    };
    let report = conform::run(kit, &selection, |_| {}).await.unwrap();
    let case = &report.rules[0].cases[0];
    assert!(matches!(&case.verdict, Verdict::Failed(why) if why.contains("fake-refused")));
    assert!(case.evidence.iter().any(|line| line.contains("/none")), "{:?}", case.evidence);
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
    assert!(text.contains("✓ same-description: 1 case"), "{text}");
    let summary = format!("✓ 1 of {} rules: passed", RULES.len());
    assert!(text.contains(&summary) && !text.contains("keeps the contract"), "{text}");
    let xml = std::fs::read_to_string(&junit).unwrap();
    assert!(xml.contains(r#"<testcase classname="same-description" name="one-instance""#), "{xml}");
    let (code, text) =
        run(&[&common[..], &rule[..2], &[component.as_os_str(), with("--json")]].concat());
    assert_eq!(code, Some(1), "{text}");
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["rules"][0]["cases"][0]["verdict"], "failed");
    let repeat = report["rules"][0]["cases"][0]["repeat"].as_str().unwrap();
    let expected = format!(
        "host-test conform {} --scenario {} --case same-description/one-instance",
        component.display(),
        scenario.display()
    );
    assert_eq!(repeat, expected);
    let case = [with("--case"), with("same-description/one-instance"), component.as_os_str()];
    let (code, text) = run(&[&common[..], &case[..]].concat());
    let by_option = [with("--component"), component.as_os_str(), with("--json")];
    let (_, json) = run(&[&common[..], &rule[..2], &by_option[..]].concat());
    assert!(json.contains(&expected), "{json}");
    assert_eq!(code, Some(1));
    assert!(text.contains(&expected) && text.contains("Why it matters"), "{text}");
    let unknown = [with("--rule"), with("no-such-rule")];
    assert_eq!(run(&[&common[..], &unknown[..]].concat()).0, Some(4));
}
