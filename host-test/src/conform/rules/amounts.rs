//! Amounts are exact, in every currency and at both ends.

use std::sync::Arc;

use super::fixed;
use crate::conform::case::{Case, FoundCases, Outcome, Rule, expect, failed, not_applicable};
use crate::conform::direct::Direct;
use crate::conform::told::Told as _;
use crate::conform::evidence::Evidence;
use crate::conform::kit::Kit;
use crate::conform::scenario::Missing;
use crate::contract::types::{Money, ProviderError};

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
    if let (Some(expected), Some(reading)) = (&amount.at_provider, &scenario.amount_at_provider) {
        direct.world.set("payment", &payment.id);
        let found = direct.world.read("the amount at the provider", reading).await?;
        expect(found == *expected, || {
            format!("the provider has the amount {found}, and {expected} is right")
        })?;
    }
    Ok(())
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
