//! Amounts as people write them.

use thiserror::Error;

use crate::contract::types::Money;

/// The currencies of ISO 4217 that do not have two decimals.
const DECIMALS: [(&str, u32); 26] = [
    ("bif", 0),
    ("clp", 0),
    ("djf", 0),
    ("gnf", 0),
    ("isk", 0),
    ("jpy", 0),
    ("kmf", 0),
    ("krw", 0),
    ("pyg", 0),
    ("rwf", 0),
    ("ugx", 0),
    ("uyi", 0),
    ("vnd", 0),
    ("vuv", 0),
    ("xaf", 0),
    ("xof", 0),
    ("xpf", 0),
    ("bhd", 3),
    ("iqd", 3),
    ("jod", 3),
    ("kwd", 3),
    ("lyd", 3),
    ("omr", 3),
    ("tnd", 3),
    ("clf", 4),
    ("uyw", 4),
];

/// Why a text is no amount of a currency.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum AmountError {
    /// It is no number.
    #[error("'{0}' is not an amount such as 10.50")]
    NotANumber(String),
    /// It is finer than the currency.
    #[error("{currency} has {decimals} decimals, and '{text}' has more", currency = .currency.to_uppercase())]
    TooFine {
        /// What was given.
        text: String,
        /// The currency.
        currency: String,
        /// How many it has.
        decimals: u32,
    },
}

fn decimals(currency: &str) -> u32 {
    DECIMALS.iter().find(|(code, _)| *code == currency).map_or(2, |(_, decimals)| *decimals)
}

/// Reads an amount such as `10.50` of a currency such as `usd`, exactly.
///
/// # Errors
///
/// It is no number, or finer than the currency.
pub fn parse(text: &str, currency: &str) -> Result<Money, AmountError> {
    let currency = currency.to_lowercase();
    let not_a_number = || AmountError::NotANumber(text.to_owned());
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) || text.ends_with('.') {
        return Err(not_a_number());
    }
    let decimals = decimals(&currency);
    let width = decimals as usize;
    if fraction.len() > width {
        return Err(AmountError::TooFine { text: text.to_owned(), currency, decimals });
    }
    let digits = format!("{whole}{fraction:0<width$}");
    // More than a ledger counts is no amount that anyone pays.
    let minor_units: i64 = digits.parse().map_err(|_| not_a_number())?;
    let minor_units = minor_units.unsigned_abs();
    Ok(Money { minor_units, currency })
}

/// An amount as people write it, without its currency.
#[must_use]
pub fn display(money: &Money) -> String {
    let decimals = decimals(&money.currency);
    if decimals == 0 {
        return money.minor_units.to_string();
    }
    let unit = 10_u64.pow(decimals);
    let (whole, fraction) = (money.minor_units / unit, money.minor_units % unit);
    format!("{whole}.{fraction:0width$}", width = decimals as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_are_read_exactly() {
        let rows = [
            ("10.50", "usd", Some(1050)),
            ("10.5", "USD", Some(1050)),
            ("10", "usd", Some(1000)),
            ("0.01", "usd", Some(1)),
            ("500", "jpy", Some(500)),
            ("1.234", "kwd", Some(1234)),
            ("10.505", "usd", None),
            ("10.0", "jpy", None),
            ("-1", "usd", None),
            ("+1", "usd", None),
            ("1e3", "usd", None),
            ("1,000", "usd", None),
            (".5", "usd", None),
            ("5.", "usd", None),
            ("", "usd", None),
            ("99999999999999999", "usd", None),
        ];
        for (text, currency, expected) in rows {
            assert_eq!(parse(text, currency).ok().map(|m| m.minor_units), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_again(minor_units in 0..i64::MAX as u64, index in 0..DECIMALS.len()) {
            for currency in ["usd", DECIMALS[index].0] {
                let money = Money { minor_units, currency: currency.to_owned() };
                prop_assert_eq!(parse(&display(&money), currency), Ok(money));
            }
        }
    }
}
