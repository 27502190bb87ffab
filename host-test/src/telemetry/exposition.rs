//! The texts of several plugins as one: a family of metrics stands in it once.

/// What begins a family of metrics in a text.
const FAMILY: &str = "# HELP ";
/// What ends a text.
const END: &str = "# EOF";

/// Joins texts for Prometheus. Each may have samples of the same families, with other labels.
#[must_use]
pub fn joined(texts: &[String]) -> String {
    // In the order of the first text.
    let mut families: Vec<(&str, Vec<&str>)> = Vec::new();
    for text in texts {
        // What follows belongs to the family of the last such line.
        let mut family = 0;
        for line in text.lines().filter(|line| *line != END) {
            if line.starts_with(FAMILY) {
                family = families.iter().position(|(head, _)| *head == line).unwrap_or_else(|| {
                    families.push((line, Vec::new()));
                    families.len() - 1
                });
            } else if let Some((_, lines)) = families.get_mut(family)
                // The type and the unit, once.
                && !(line.starts_with('#') && lines.contains(&line))
            {
                lines.push(line);
            }
        }
    }
    let lines = families.into_iter().flat_map(|(head, lines)| std::iter::once(head).chain(lines));
    lines.chain([END]).flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::limit::Limit;
    use crate::telemetry::Telemetry;

    #[test]
    fn family_of_several_providers_stands_once() {
        let (host, one, other) =
            (Telemetry::of_host(), Telemetry::new("ONE"), Telemetry::new("OTHER"));
        host.set_in_use(Limit::Places, 3, 64);
        one.delivered("accepted", Duration::from_millis(3));
        other.delivered("refused", Duration::from_millis(3));
        other.delivered("accepted", Duration::from_millis(3));
        let text = joined(&[host.text(), one.text(), other.text()]);
        let number = |wanted: &str| text.lines().filter(|line| *line == wanted).count();
        for line in [
            "# HELP host_test_deliveries Deliveries that were answered.",
            "# TYPE host_test_deliveries counter",
            r#"host_test_in_use{name="places"} 3"#,
            r#"host_test_deliveries_total{provider="ONE",outcome="accepted"} 1"#,
            r#"host_test_deliveries_total{provider="OTHER",outcome="accepted"} 1"#,
            r#"host_test_deliveries_total{provider="OTHER",outcome="refused"} 1"#,
            "# EOF",
        ] {
            assert_eq!(number(line), 1, "{line}\n{text}");
        }
        // The samples of a family stand together.
        let family = |line: &str| line.starts_with("host_test_deliveries_total");
        let first = text.lines().position(family).unwrap();
        assert!(text.lines().skip(first).take(3).all(family), "{text}");
        assert!(text.ends_with("# EOF\n"));
        // One alone stays as it is.
        assert_eq!(joined(&[one.text()]), one.text());
    }
}
