//! The report as `JUnit` XML, which build servers read.

use std::fmt::Write as _;

use super::{Report, Verdict};
use crate::foreign::is_visible;

/// The report as `JUnit` XML.
#[must_use]
pub fn junit(report: &Report) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for rule in &report.rules {
        let failures = rule.cases.iter().filter(|case| matches!(case.verdict, Verdict::Failed(_)));
        let skipped = rule.cases.iter();
        let skipped = skipped.filter(|case| matches!(case.verdict, Verdict::NotApplicable(_)));
        let errors = rule.cases.iter();
        let errors = errors.filter(|case| matches!(case.verdict, Verdict::NotTested(_)));
        let _ = writeln!(
            xml,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\">",
            escaped(rule.name),
            rule.cases.len(),
            failures.count(),
            errors.count(),
            skipped.count(),
        );
        for case in &rule.cases {
            let seconds = case.time.as_secs_f64();
            let name = escaped(&case.name);
            let class = escaped(rule.name);
            let _ = write!(
                xml,
                "    <testcase classname=\"{class}\" name=\"{name}\" time=\"{seconds:.3}\""
            );
            match &case.verdict {
                Verdict::Passed => xml.push_str("/>\n"),
                Verdict::Failed(why) => {
                    let text = escaped(&case.evidence.join("\n"));
                    let why = escaped(why);
                    let _ = writeln!(
                        xml,
                        ">\n      <failure message=\"{why}\">{text}</failure>\n    </testcase>"
                    );
                }
                // A build server must not take it for a success.
                Verdict::NotTested(why) => {
                    let why = escaped(why);
                    let _ = writeln!(xml, ">\n      <error message=\"{why}\"/>\n    </testcase>");
                }
                Verdict::NotApplicable(why) => {
                    let why = escaped(why);
                    let _ = writeln!(xml, ">\n      <skipped message=\"{why}\"/>\n    </testcase>");
                }
            }
        }
        xml.push_str("  </testsuite>\n");
    }
    if let Some(problem) = &report.stopped {
        let why = escaped(&problem.message);
        let _ = writeln!(
            xml,
            "  <testsuite name=\"the-kit\" tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\">\n    <testcase classname=\"the-kit\" name=\"whole-run\" time=\"0.000\">\n      <error message=\"{why}\"/>\n    </testcase>\n  </testsuite>"
        );
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars().filter(|&character| character == '\n' || is_visible(character)) {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{CaseReport, Extent, RuleReport};
    use super::*;
    use crate::contract::types::Problem;

    #[test]
    fn report_is_escaped() {
        let case = |name: &str, verdict| CaseReport {
            name: name.to_owned(),
            verdict,
            note: None,
            evidence: vec!["GET /a?b=1&c → 200, <html>\u{0}".to_owned()],
            time: Duration::from_millis(12),
        };
        let report = Report {
            provider: "P".to_owned(),
            version: "1".to_owned(),
            sha256: String::new(),
            extent: Extent::Whole,
            stopped: Some(Problem {
                code: "kit-broken".to_owned(),
                message: "no port".to_owned(),
                remedy: Vec::new(),
            }),
            rules: vec![RuleReport {
                name: "a-rule",
                why: "It matters.",
                cases: vec![
                    case("one", Verdict::Passed),
                    case("two", Verdict::Failed("says \"no\"".to_owned())),
                    case("three", Verdict::NotApplicable("no refunds".to_owned())),
                    case("four", Verdict::NotTested("no action".to_owned())),
                ],
            }],
        };
        let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  \
            <testsuite name=\"a-rule\" tests=\"4\" failures=\"1\" errors=\"1\" skipped=\"1\">\n    \
            <testcase classname=\"a-rule\" name=\"one\" time=\"0.012\"/>\n    \
            <testcase classname=\"a-rule\" name=\"two\" time=\"0.012\">\n      \
            <failure message=\"says &quot;no&quot;\">GET /a?b=1&amp;c → 200, &lt;html&gt;</failure>\n    </testcase>\n    \
            <testcase classname=\"a-rule\" name=\"three\" time=\"0.012\">\n      \
            <skipped message=\"no refunds\"/>\n    </testcase>\n    \
            <testcase classname=\"a-rule\" name=\"four\" time=\"0.012\">\n      \
            <error message=\"no action\"/>\n    </testcase>\n  </testsuite>\n  \
            <testsuite name=\"the-kit\" tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\">\n    \
            <testcase classname=\"the-kit\" name=\"whole-run\" time=\"0.000\">\n      \
            <error message=\"no port\"/>\n    </testcase>\n  </testsuite>\n</testsuites>\n";
        assert_eq!(junit(&report), expected);
    }
}
