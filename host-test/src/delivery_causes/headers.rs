//! The headers that carry the signature of a delivery.

use super::{Delivery, secret};
use crate::contract::types::Problem;
use crate::plugin::Plugin;

/// The headers that carry signatures and are not there.
pub fn missing(plugin: &Plugin, delivery: &Delivery) -> Vec<Problem> {
    let is_missing = |name: &&String| {
        !delivery.request.headers.iter().any(|(given, value)| given == *name && !value.is_empty())
    };
    let missing = plugin.manifest().signature_headers.iter().filter(is_missing);
    let problem = |name: &String| {
        Problem::new(
            "header-missing",
            format!("The delivery has no header {name}, which carries its signature."),
            &[
                &format!("Give it as it was received: --header '{name}:VALUE'."),
                "If it was not received: a proxy on the way has removed it, or the sender is not the provider.",
            ],
        )
    };
    missing.map(problem).collect()
}

/// The delivery with its signature headers without white space, quotes and their own name.
pub fn bare(plugin: &Plugin, delivery: &Delivery) -> Option<Delivery> {
    let mut changed = delivery.clone();
    for (name, value) in &mut changed.request.headers {
        if plugin.manifest().signature_headers.contains(name) {
            let length = name.len();
            let named = value.get(..length).is_some_and(|start| start.eq_ignore_ascii_case(name));
            let rest = value.get(length..).filter(|_| named);
            let rest =
                rest.and_then(|rest| rest.trim_start().strip_prefix(':')).unwrap_or(value).trim();
            let bare = secret::bare(rest).map_or_else(|| rest.to_owned(), |(bare, _)| bare);
            *value = bare;
        }
    }
    (changed.request.headers != delivery.request.headers).then_some(changed)
}

/// The times that the signature headers name, in Unix seconds: from 2001 to 2286, as they have ten digits, or thirteen in
/// milliseconds.
pub fn times(plugin: &Plugin, delivery: &Delivery) -> Vec<u64> {
    let names = &plugin.manifest().signature_headers;
    let headers = delivery.request.headers.iter().filter(|(name, _)| names.contains(name));
    let numbers =
        headers.flat_map(|(_, value)| value.split(|letter: char| !letter.is_ascii_digit()));
    let time = |digits: &str| match digits.len() {
        10 => digits.parse().ok(),
        13 => digits.parse::<u64>().ok().map(|milliseconds| milliseconds / 1000),
        _ => None,
    };
    numbers.filter_map(time).take(4).collect()
}
