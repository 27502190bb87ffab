//! Amounts: the contract counts minor units (1050 and "usd"), Andes Pay writes decimal texts ("10.50" and "USD").
//!
//! The conversion is exact: digits are moved, and no floating-point number is involved.

use crate::api::refused;
use crate::bindings::brain_studio::payments::types::{Money, ProviderError};

/// The currencies of Andes Pay and their decimals. Source: ISO 4217.
const CURRENCIES: [(&str, usize); 9] = [
    ("brl", 2),
    ("clp", 0),
    ("cop", 2),
    ("eur", 2),
    ("isk", 0),
    ("jpy", 0),
    ("kwd", 3),
    ("pen", 2),
    ("usd", 2),
];

fn decimals(currency: &str) -> Option<usize> {
    CURRENCIES.iter().find(|(code, _)| *code == currency).map(|(_, decimals)| *decimals)
}

/// The decimal text of an amount. Zero and unknown currencies are refused.
pub fn to_decimal(money: &Money) -> Result<String, ProviderError> {
    let Some(decimals) = decimals(&money.currency) else {
        let codes = CURRENCIES.map(|(code, _)| code.to_ascii_uppercase()).join(", ");
        return Err(refused(
            "currency-invalid",
            "Andes Pay does not take payments in this currency.",
            &format!("Choose one of these: {codes}."),
        ));
    };
    if money.minor_units == 0 {
        return Err(refused(
            "amount-invalid",
            "An amount of zero cannot be charged or refunded.",
            "Give an amount above zero.",
        ));
    }
    // At least one digit stands before the point.
    let digits = format!("{:0>width$}", money.minor_units, width = decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    Ok(if decimals == 0 { digits } else { format!("{whole}.{fraction}") })
}

/// The amount of a decimal text. None: it is none, has more decimals than its currency, or is too large.
pub fn from_decimal(text: &str, currency: &str) -> Option<Money> {
    let currency = currency.to_ascii_lowercase();
    let decimals = decimals(&currency)?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_number = !whole.is_empty()
        && !text.ends_with('.')
        && fraction.len() <= decimals
        && whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
    let digits = is_number.then(|| format!("{whole}{fraction:0<decimals$}"))?;
    Some(Money { minor_units: digits.parse().ok()?, currency })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn currency_has_its_decimals() {
        let rows = [
            (1050, "usd", "10.50"),
            (5, "usd", "0.05"),
            (1000, "clp", "1000"),
            (5, "isk", "5"),
            (500, "jpy", "500"),
            (12_345, "kwd", "12.345"),
            (1, "kwd", "0.001"),
            (u64::MAX, "usd", "184467440737095516.15"),
        ];
        for (minor_units, currency, text) in rows {
            let money = Money { minor_units, currency: currency.to_owned() };
            assert_eq!(to_decimal(&money).ok().as_deref(), Some(text));
        }
    }

    #[test]
    fn text_that_is_no_amount_is_not_guessed() {
        let rows = [
            ("", "usd"),
            (".5", "usd"),
            ("5.", "usd"),
            ("1.005", "usd"),
            ("1.0", "clp"),
            ("-1", "usd"),
            ("+1", "usd"),
            ("1e3", "usd"),
            ("1,50", "usd"),
            ("1.2.3", "kwd"),
            ("184467440737095516.16", "usd"),
            ("1", "xxx"),
        ];
        for (text, currency) in rows {
            assert!(from_decimal(text, currency).is_none(), "{text} {currency}");
        }
        assert_eq!(from_decimal("1.5", "USD").map(|money| money.minor_units), Some(150));
    }

    proptest! {
        #[test]
        fn every_amount_survives(minor_units in 1_u64.., index in 0..CURRENCIES.len()) {
            let money = Money { minor_units, currency: CURRENCIES[index].0.to_owned() };
            let text = to_decimal(&money).unwrap();
            let read = from_decimal(&text, &money.currency.to_uppercase()).unwrap();
            prop_assert_eq!((read.minor_units, read.currency), (minor_units, money.currency));
        }
    }
}
