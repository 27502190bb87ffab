//! Amounts: ISO 4217 minor units, which the contract uses, to and from Stripe's units.
//!
//! They differ in three currencies. ISK and UGX have no decimals, and Stripe counts two. MGA has two, and
//! Stripe counts none. In three-decimal currencies Stripe requires amounts that end in 0. Source: Stripe's
//! documentation, "Supported currencies".

use crate::bindings::brain_studio::payments::types::{Money, ProviderError};
use crate::problem::problem;

/// Stripe counts two decimals, ISO 4217 none.
const MORE_DECIMALS_AT_STRIPE: [&str; 2] = ["isk", "ugx"];
/// Stripe counts no decimals, ISO 4217 two.
const FEWER_DECIMALS_AT_STRIPE: [&str; 1] = ["mga"];
/// Three decimals, of which Stripe requires the last to be 0.
const LAST_DIGIT_ZERO: [&str; 5] = ["bhd", "jod", "kwd", "omr", "tnd"];

/// Converts an amount to Stripe's units. An amount of zero is refused.
pub fn to_stripe(money: &Money) -> Result<u64, ProviderError> {
    let currency = money.currency.as_str();
    if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return Err(ProviderError::Refused(problem(
            "currency-invalid",
            "The currency must be a code of three lower-case letters, such as usd.",
            &["Give the currency's code in lower case."],
        )));
    }
    let amount = if MORE_DECIMALS_AT_STRIPE.contains(&currency) {
        money.minor_units.checked_mul(100)
    } else if FEWER_DECIMALS_AT_STRIPE.contains(&currency) {
        if_multiple(money.minor_units, 100).map(|whole| whole / 100)
    } else if LAST_DIGIT_ZERO.contains(&currency) {
        if_multiple(money.minor_units, 10)
    } else {
        Some(money.minor_units)
    };
    amount.filter(|&amount| amount > 0).ok_or_else(|| {
        ProviderError::Refused(problem(
            "amount-invalid",
            format!(
                "Stripe cannot charge this amount in {}.",
                currency.to_ascii_uppercase()
            ),
            &[
                "Give an amount above zero.",
                "In MGA give whole ariary; in BHD, JOD, KWD, OMR and TND end the third decimal in 0.",
            ],
        ))
    })
}

fn if_multiple(amount: u64, step: u64) -> Option<u64> {
    amount.is_multiple_of(step).then_some(amount)
}

/// How a conversion from Stripe's units treats a part of a minor unit.
#[derive(Clone, Copy)]
pub enum Rounding {
    /// For an amount that was asked for.
    Up,
    /// For an amount that was received or refunded, which must never count as more.
    Down,
}

/// Converts an amount from Stripe's units. None: an overflow.
pub fn from_stripe(amount: u64, currency: &str, rounding: Rounding) -> Option<u64> {
    if MORE_DECIMALS_AT_STRIPE.contains(&currency) {
        Some(match rounding {
            Rounding::Up => amount.div_ceil(100),
            Rounding::Down => amount / 100,
        })
    } else if FEWER_DECIMALS_AT_STRIPE.contains(&currency) {
        amount.checked_mul(100)
    } else {
        Some(amount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_currency_is_counted_as_stripe_counts() {
        let rows = [
            (1050, "usd", Some(1050)),
            (500, "jpy", Some(500)),
            (5, "ugx", Some(500)),
            (5, "isk", Some(500)),
            (500, "mga", Some(5)),
            (501, "mga", None),
            (1230, "kwd", Some(1230)),
            (1234, "kwd", None),
            (0, "usd", None),
            (u64::MAX, "isk", None),
            (1050, "USD", None),
            (1050, "us", None),
        ];
        for (minor_units, currency, expected) in rows {
            let money = Money { minor_units, currency: currency.to_owned() };
            let amount = to_stripe(&money).ok();
            assert_eq!(amount, expected, "{minor_units} {currency}");
            if let Some(amount) = amount {
                for rounding in [Rounding::Up, Rounding::Down] {
                    assert_eq!(from_stripe(amount, currency, rounding), Some(minor_units));
                }
            }
        }
    }

    #[test]
    fn partial_minor_unit_is_rounded_safely() {
        assert_eq!(from_stripe(550, "isk", Rounding::Up), Some(6));
        assert_eq!(from_stripe(550, "isk", Rounding::Down), Some(5));
    }
}
