//! Amounts are exact, in every currency and at both ends.

use std::sync::Arc;

use super::fixed;
use crate::conform::case::{Case, Ending, FoundCases, Outcome, Rule, expect, failed, not_tested};
use crate::conform::direct::Direct;
use crate::conform::evidence::Evidence;
use crate::conform::kit::Kit;
use crate::conform::scenario::Missing;
use crate::conform::told::Told as _;
use crate::contract::types::{Money, Payment, ProviderError};

/// The first number that a floating-point number cannot hold: 2^53 + 1.
const BEYOND_FLOATING_POINT: u64 = (1 << 53) + 1;

/// An amount is charged as it was asked for, or refused.
pub const EXACT_AMOUNTS: Rule = Rule {
    name: "exact-amounts",
    why: "Currencies have no, two or three decimals, and providers count otherwise: a wrong power of ten is a hundred times the price.",
    cases: |kit| cases(&kit),
};

fn cases(kit: &Kit) -> FoundCases {
    let amounts = kit.scenario.amounts.iter().enumerate();
    let mut cases: Vec<Case> = amounts
        .map(|(index, amount)| {
            let name = format!("{}-{}", amount.currency, amount.minor_units);
            Case::new(name, move |kit, evidence| charged(kit, evidence, index))
        })
        .collect();
    for (name, minor_units) in
        [("smallest", 1), ("beyond-floating-point", BEYOND_FLOATING_POINT), ("largest", u64::MAX)]
    {
        cases.push(Case::new(name, move |kit, evidence| at_an_end(kit, evidence, minor_units)));
    }
    for (currency, decimals) in CURRENCIES {
        cases.push(Case::new(format!("in-{currency}"), move |kit, evidence| {
            in_currency(kit, evidence, currency, decimals)
        }));
    }
    cases.push(Case::new("zero", |kit, evidence| at_an_end(kit, evidence, 0)));
    cases.push(Case::new("part-of-a-refund", part_of_a_refund));
    fixed(cases)
}

/// Charges an amount of the scenario, and reads it back, also at the fake.
async fn charged(kit: Arc<Kit>, evidence: Evidence, index: usize) -> Outcome {
    let direct = Direct::start(kit, evidence).await?;
    let scenario = &direct.world.kit.scenario;
    let Some(amount) = scenario.amounts.get(index) else { return Ok(()) };
    let money = Money { minor_units: amount.minor_units, currency: amount.currency.clone() };
    let mut order = direct.order();
    order.amount = money.clone();
    let payment = direct.create(&order).await?;
    let read = direct.get(&payment.id).await?;
    expect(read.amount == money, || {
        let Money { minor_units, currency } = &read.amount;
        format!(
            "{} {} was asked for, and {minor_units} {currency} is read",
            money.minor_units, money.currency
        )
    })?;
    if !scenario.can(Missing::AmountsReadable) {
        return Ok(());
    }
    let Some(expected) = &amount.at_provider else {
        return not_tested("the scenario does not say the amount `at-provider`");
    };
    let found = amount_at_provider(&direct, &payment).await?;
    expect(found == *expected, || {
        format!("the provider has the amount {found}, and {expected} is right")
    })
}

/// The amount of a payment, as the fake tells it.
async fn amount_at_provider(direct: &Direct, payment: &Payment) -> Result<String, Ending> {
    let Some(reading) = &direct.world.kit.scenario.amount_at_provider else {
        return not_tested("the scenario has no `amount-at-provider`");
    };
    direct.world.set("payment", &payment.id);
    direct.world.read("the amount at the provider", reading).await
}

/// Currencies with no, two and three decimals. Source: ISO 4217. Some providers count ISK with two.
const CURRENCIES: [(&str, u32); 5] = [("clp", 0), ("isk", 0), ("jpy", 0), ("kwd", 3), ("usd", 2)];
/// The amount in each of them, in whole units: no rounding of a provider changes it. Our own choice.
const WHOLE: u64 = 1230;

/// Charges a whole amount in a currency: it is exact at the provider, or refused. How the provider writes it is not
/// known: it is compared with the scenario's amount in the same currency.
async fn in_currency(
    kit: Arc<Kit>,
    evidence: Evidence,
    currency: &'static str,
    decimals: u32,
) -> Outcome {
    let direct = Direct::start(kit, evidence).await?;
    let mut order = direct.order();
    let minor_units = WHOLE * 10_u64.pow(decimals);
    order.amount = Money { minor_units, currency: currency.to_owned() };
    let created = direct.plugin.create_payment(direct.call(), &direct.installation, &order).await;
    let payment = match direct.told("create-payment", created)? {
        Err(ProviderError::Refused(problem)) => {
            let is_clear = ["currency-invalid", "amount-invalid"].contains(&problem.code.as_str());
            return expect(is_clear, || {
                let code = &problem.code;
                format!(
                    "{minor_units} {currency} is refused with `{code}`: currency-invalid or amount-invalid is right"
                )
            });
        }
        Err(error) => return failed(format!("{minor_units} {currency} answers {}", error.case())),
        Ok(payment) => payment,
    };
    let read = direct.get(&payment.id).await?;
    expect(read.amount == order.amount, || {
        let read = read.amount.minor_units;
        format!("{minor_units} {currency} was asked for, and {read} is read")
    })?;
    let scenario = &direct.world.kit.scenario;
    if !scenario.can(Missing::AmountsReadable) {
        return Ok(());
    }
    let mut known = scenario.amounts.iter().filter(|amount| amount.currency == currency);
    let known = known.find_map(|amount| Some((amount.minor_units, amount.at_provider.as_ref()?)));
    let Some((units, written)) = known else {
        return not_tested(format!(
            "the plugin takes {currency}, and `amounts` has none of it with `at-provider`"
        ));
    };
    let found = amount_at_provider(&direct, &payment).await?;
    expect(is_proportional(&found, minor_units, written, units), || {
        format!("{units} {currency} is {written} at the provider, and {minor_units} is {found}")
    })
}

/// Whether two decimal texts stand in the same relation as two amounts.
fn is_proportional(one: &str, of_one: u64, other: &str, of_other: u64) -> bool {
    let (Some((one, one_scale)), Some((other, other_scale))) = (scaled(one), scaled(other)) else {
        return false;
    };
    let product = |value: u128, units: u64, scale: u32| {
        value.checked_mul(u128::from(units))?.checked_mul(10_u128.checked_pow(scale)?)
    };
    let left = product(one, of_other, other_scale);
    left.is_some() && left == product(other, of_one, one_scale)
}

/// The digits of a decimal text as a number, and how many stand behind its point.
fn scaled(text: &str) -> Option<(u128, u32)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    Some((format!("{whole}{fraction}").parse().ok()?, fraction.len().try_into().ok()?))
}

/// Asks for an amount at an end of what there is: it is charged exactly, or refused.
async fn at_an_end(kit: Arc<Kit>, evidence: Evidence, minor_units: u64) -> Outcome {
    let direct = Direct::start(kit, evidence).await?;
    let currencies = direct.world.kit.scenario.amounts.iter().map(|amount| amount.currency.clone());
    for currency in currencies.collect::<std::collections::BTreeSet<_>>() {
        let mut order = direct.order();
        order.amount = Money { minor_units, currency: currency.clone() };
        let created =
            direct.plugin.create_payment(direct.call(), &direct.installation, &order).await;
        match direct.told("create-payment", created)? {
            Ok(_) if minor_units == 0 => return failed(format!("0 {currency} was charged")),
            Ok(payment) => {
                let read = direct.get(&payment.id).await?;
                expect(read.amount == order.amount, || {
                    let read = read.amount.minor_units;
                    format!("{minor_units} {currency} was asked for, and {read} is read")
                })?;
            }
            Err(ProviderError::Refused(_)) => {}
            Err(error) => {
                let case = error.case();
                return failed(format!(
                    "{minor_units} {currency} answers {case}: an amount is charged exactly or refused"
                ));
            }
        }
    }
    Ok(())
}

/// A refund of a part is exactly that part, and the rest can be refunded.
async fn part_of_a_refund(kit: Arc<Kit>, evidence: Evidence) -> Outcome {
    kit.scenario.needs(Missing::Refunds)?;
    let direct = Direct::start(kit, evidence).await?;
    let payment = direct.paid(&direct.order()).await?;
    let part = payment.amount.minor_units / 3;
    let mut request = Direct::refund_of(&payment);
    request.minor_units = Some(part);
    let first = direct.refund(&request).await?;
    let rest = direct.refund(&Direct::refund_of(&payment)).await?;
    let (first, rest) = (first.amount.minor_units, rest.amount.minor_units);
    expect(first == part && first + rest == payment.amount.minor_units, || {
        format!(
            "of {}, {part} and the rest were asked back: {first} and {rest} were given",
            payment.amount.minor_units
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_of_a_provider_are_compared_whatever_their_form() {
        for (one, of_one, other, of_other, expected) in [
            ("1230.00", 123_000, "10.50", 1050, true),
            ("123000", 123_000, "1050", 1050, true),
            ("123000", 1230, "70000", 700, true),
            ("1230", 1230, "70000", 700, false),
            ("12.30", 123_000, "10.50", 1050, false),
            ("1230", 123_000, "10.50", 1050, true),
            ("much", 1, "1", 1, false),
        ] {
            assert_eq!(is_proportional(one, of_one, other, of_other), expected, "{one} {other}");
        }
    }
}
