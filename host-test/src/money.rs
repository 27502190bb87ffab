//! Amounts as people write them. The number of decimals is ISO 4217's.

use iso_currency::Currency;
use thiserror::Error;

use crate::contract::types::{Money, Problem};

/// Why a text is not an amount of a currency.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum AmountError {
    /// It is not a number.
    #[error("'{0}' is not an amount such as 10.50")]
    NotANumber(String),
    /// ISO 4217 has no such currency, or it has no minor unit.
    #[error("'{0}' is not the code of a currency, such as usd")]
    UnknownCurrency(String),
    /// It has more decimals than the currency.
    #[error("{currency} has {decimals} decimals, and '{text}' has more", currency = .currency.to_uppercase())]
    TooFine {
        /// The text.
        text: String,
        /// The currency.
        currency: String,
        /// The decimals of the currency.
        decimals: u32,
    },
}

impl AmountError {
    /// The problem for a person. `step`: how an amount is given here.
    #[must_use]
    pub fn problem(&self, step: &str) -> Problem {
        let code = match self {
            Self::UnknownCurrency(_) => "currency-invalid",
            Self::NotANumber(_) | Self::TooFine { .. } => "amount-invalid",
        };
        Problem::new(code, format!("{self}."), &[step])
    }
}

/// The decimals of a currency. None: the currency is unknown, or has no minor unit, such as gold.
fn decimals(currency: &str) -> Option<u32> {
    Currency::from_code(&currency.to_uppercase())?.exponent().map(u32::from)
}

/// Parses an amount such as `10.50` of a currency such as `usd`.
///
/// # Errors
///
/// The text is no number or has more decimals than the currency, or the currency is unknown.
pub fn parse(text: &str, currency: &str) -> Result<Money, AmountError> {
    let currency = currency.to_lowercase();
    let not_a_number = || AmountError::NotANumber(text.to_owned());
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) || text.ends_with('.') {
        return Err(not_a_number());
    }
    let decimals =
        decimals(&currency).ok_or_else(|| AmountError::UnknownCurrency(currency.clone()))?;
    let width = decimals as usize;
    if fraction.len() > width {
        return Err(AmountError::TooFine { text: text.to_owned(), currency, decimals });
    }
    let digits = format!("{whole}{fraction:0<width$}");
    // SQLite's integers are signed.
    let minor_units: i64 = digits.parse().map_err(|_| not_a_number())?;
    let minor_units = minor_units.unsigned_abs();
    Ok(Money { minor_units, currency })
}

/// An amount as people write it, with its currency. For an unknown currency the minor units are shown.
#[must_use]
pub fn display(money: &Money) -> String {
    let Money { minor_units, currency } = money;
    let code = currency.to_uppercase();
    match decimals(currency) {
        None => format!("{minor_units} minor units of {code}"),
        Some(0) => format!("{minor_units} {code}"),
        Some(decimals) => {
            let unit = 10_u64.pow(decimals);
            let (whole, fraction) = (minor_units / unit, minor_units % unit);
            format!("{whole}.{fraction:0width$} {code}", width = decimals as usize)
        }
    }
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
            ("1.2345", "clf", Some(12345)),
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

    #[test]
    fn messages_are_unchanged() {
        let rows = [("ten", "usd"), ("10", "abc"), ("10.505", "usd")];
        let text: Vec<_> = rows
            .into_iter()
            .map(|(text, currency)| parse(text, currency).unwrap_err().to_string())
            .collect();
        insta::assert_snapshot!(text.join("\n"));
    }

    #[test]
    fn unknown_currency_is_never_guessed() {
        for currency in ["usdt", "abc", "xau", "", "ÿÿÿ", "us"] {
            let refused = Err(AmountError::UnknownCurrency(currency.to_owned()));
            assert_eq!(parse("10", currency), refused);
        }
        let received = Money { minor_units: 1050, currency: "qqq".to_owned() };
        assert_eq!(display(&received), "1050 minor units of QQQ");
    }

    /// The currencies without two decimals, and some of those with two that providers count otherwise.
    /// Source: ISO 4217, list one.
    #[test]
    fn decimals_are_those_of_iso_4217() {
        let rows = [
            (0, "bif clp djf gnf isk jpy kmf krw pyg rwf ugx uyi vnd vuv xaf xof xpf"),
            (2, "usd eur mga mru huf twd cop mxn"),
            (3, "bhd iqd jod kwd lyd omr tnd"),
            (4, "clf uyw"),
        ];
        for (expected, codes) in rows {
            for code in codes.split(' ') {
                assert_eq!(decimals(code), Some(expected), "{code}");
            }
        }
    }

    proptest! {
        #[test]
        fn shown_amount_is_read_again(minor_units in 0..i64::MAX as u64, index in 0..4_usize) {
            let currency = ["usd", "jpy", "kwd", "clf"][index];
            let money = Money { minor_units, currency: currency.to_owned() };
            let shown = display(&money);
            let (amount, _) = shown.split_once(' ').unwrap();
            prop_assert_eq!(parse(amount, currency), Ok(money));
        }
    }
}
