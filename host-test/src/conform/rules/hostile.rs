//! Ids and references come from outside: they never change what is called.

use std::collections::BTreeSet;
use std::sync::Arc;

use url::Url;

use super::fixed;
use crate::conform::case::{Case, Ending, Outcome, Rule, expect, failed, not_tested};
use crate::conform::direct::{Direct, new_id};
use crate::conform::evidence::Evidence;
use crate::conform::exchange::Exchange;
use crate::conform::functions::{Answered, Call, call, ready};
use crate::conform::kit::Kit;
use crate::conform::told::Told as _;
use crate::conform::world::World;
use crate::contract::types::{
    Installation, Mode, PaymentRequest, PaymentSearchResult, ProviderError, RefundSearch,
};
use crate::egress::Credentials;

/// The functions that are given an id of the provider.
const WITH_IDS: [&str; 6] = [
    "get-payment",
    "complete-payment",
    "cancel-payment",
    "refund-payment",
    "find-refund",
    "get-refund",
];

/// A hostile id reaches no other resource.
pub const HOSTILE_IDS: Rule = Rule {
    name: "hostile-ids",
    why: "An id that becomes a path can turn a read into another request, with the merchant's key.",
    cases: |_| {
        let case = |function: &'static str| {
            Case::new(function, move |kit, evidence| hostile_id(kit, evidence, function))
        };
        let mut cases: Vec<Case> = WITH_IDS.into_iter().map(case).collect();
        cases.push(Case::new("another-merchants", another_merchants));
        fixed(cases)
    },
};

/// A hostile reference is only a text.
pub const HOSTILE_REFERENCES: Rule = Rule {
    name: "hostile-references",
    why: "A flow makes references from what a customer types. One that becomes a parameter changes the amount.",
    cases: |_| fixed(vec![Case::new("payment", hostile_reference)]),
};

/// What another workspace has made is not ours.
pub const OTHER_WORKSPACE: Rule = Rule {
    name: "other-workspace",
    why: "Two shops may share one account of the provider: neither may take the other's payment for its own.",
    cases: |_| fixed(vec![Case::new("payment", other_workspace)]),
};

/// Ids that no provider has. `known` is one that it has.
fn hostile_ids(known: &str) -> Vec<String> {
    vec![
        "../x".to_owned(),
        format!("{known}/../../{known}"),
        format!("../{known}"),
        format!("{known}/cancel"),
        format!("{known}?expand=all"),
        format!("{known}#x"),
        format!("{known}%2f..%2fx"),
        format!("{known}\r\nx-injected: yes"),
        format!("{known} "),
        format!("{known}\u{0}"),
        format!("{known}&amount=1"),
        format!("{known};x"),
        format!("{known}\\..\\x"),
        "😀".to_owned(),
        "a".repeat(200),
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
    ]
}

fn with_id(call: &Call, id: String) -> Option<Call> {
    Some(match call {
        Call::GetPayment(_) => Call::GetPayment(id),
        Call::CancelPayment(_) => Call::CancelPayment(id),
        Call::GetRefund(_) => Call::GetRefund(id),
        Call::CompletePayment(request) => {
            let mut request = request.clone();
            request.payment = id;
            Call::CompletePayment(request)
        }
        Call::RefundPayment(request) => {
            let mut request = request.clone();
            request.payment = id;
            Call::RefundPayment(request)
        }
        Call::FindRefund(search) => {
            Call::FindRefund(RefundSearch { payment: id, ..search.clone() })
        }
        _ => return None,
    })
}

fn id_of(call: &Call) -> &str {
    match call {
        Call::GetPayment(id) | Call::CancelPayment(id) | Call::GetRefund(id) => id,
        Call::CompletePayment(request) => &request.payment,
        Call::RefundPayment(request) => &request.payment,
        Call::FindRefund(search) => &search.payment,
        _ => "",
    }
}

/// The shape of a request: its method, its path with the id left out, and the names in its query.
fn shape(exchange: &Exchange, id: &str) -> (String, Vec<String>, Vec<String>) {
    let url = Url::parse("http://provider").and_then(|origin| origin.join(&exchange.target));
    let Ok(url) = url else { return (exchange.method.clone(), Vec::new(), Vec::new()) };
    let encoded: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
    let in_path = encoded.replace('+', "%20");
    let segments = url.path_segments().into_iter().flatten();
    let segment = |segment: &str| {
        let is_id = [id, &encoded, &in_path].iter().any(|form| segment.eq_ignore_ascii_case(form));
        if is_id && !id.is_empty() { "{id}".to_owned() } else { segment.to_owned() }
    };
    let names = url.query_pairs().map(|(name, _)| name.into_owned());
    let names: BTreeSet<String> = names.collect();
    (exchange.method.clone(), segments.map(segment).collect(), names.into_iter().collect())
}

async fn hostile_id(kit: Arc<Kit>, evidence: Evidence, function: &'static str) -> Outcome {
    let direct = Direct::start(kit, evidence).await?;
    let known = ready(&direct, function).await?;
    let known_id = id_of(&known).to_owned();
    // An id of the same form that does not exist: what is called for it may be called.
    let unknown_id: String =
        known_id.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let mark = direct.world.interposer.count();
    for id in [&unknown_id, &known_id] {
        if let Some(harmless) = with_id(&known, id.clone()) {
            let _ = call(&direct, &harmless).await;
        }
    }
    let mut allowed = BTreeSet::new();
    for exchange in direct.world.interposer.since(mark) {
        allowed.insert(shape(&exchange, &unknown_id));
        allowed.insert(shape(&exchange, &known_id));
    }
    for hostile in hostile_ids(&known_id) {
        let Some(arguments) = with_id(&known, hostile.clone()) else { continue };
        let mark = direct.world.interposer.count();
        let answered = call(&direct, &arguments).await?;
        let shown = hostile.escape_debug().to_string();
        for exchange in direct.world.interposer.since(mark) {
            expect(allowed.contains(&shape(&exchange, &hostile)), || {
                format!(
                    "{function} with the id '{shown}' calls {} {}",
                    exchange.method, exchange.target
                )
            })?;
            let injected = exchange.headers.contains_key("x-injected");
            expect(!injected, || format!("{function} with the id '{shown}' sends another header"))?;
        }
        match &answered {
            Answered::Provider(ProviderError::NotFound(_) | ProviderError::Refused(_)) => {}
            Answered::Ok(value) if function == "find-refund" && *value == "Absent" => {}
            other => {
                return failed(format!(
                    "{function} with the id '{shown}' answers {}: not-found or refused is right",
                    other.name()
                ));
            }
        }
    }
    Ok(())
}

/// A payment of another merchant cannot be read with this one's credentials.
async fn another_merchants(kit: Arc<Kit>, evidence: Evidence) -> Outcome {
    let Some(another) = &kit.scenario.credentials.another else {
        return not_tested("the scenario has no credentials of another merchant");
    };
    let another = another.clone();
    let made_by = kit.usual_webhook();
    let direct = Direct::start(kit, evidence).await?;
    let payment = direct.create(&direct.order()).await?;
    let mut theirs = Direct::prepare(direct.world, made_by, Credentials::new(another))?;
    theirs.install_again().await?;
    let read = theirs.plugin.get_payment(theirs.call(), &theirs.installation, &payment.id).await;
    match theirs.told("get-payment", read)? {
        Err(ProviderError::NotFound(_) | ProviderError::Refused(_)) => Ok(()),
        Err(error) => failed(format!("another merchant's payment answers {}", error.case())),
        Ok(_) => failed("another merchant's payment can be read"),
    }
}

async fn hostile_reference(kit: Arc<Kit>, evidence: Evidence) -> Outcome {
    let direct = Direct::start(kit, evidence).await?;
    let counting = direct.world.kit.scenario.count.payments.as_ref();
    let mut expected = direct.world.count("payments", counting).await?;
    for reference in [
        "../x".to_owned(),
        "a&amount=1&currency=clp".to_owned(),
        r#"","amount":"1","x":""#.to_owned(),
        "100%25 %2f..".to_owned(),
        "line\r\nbreak: yes".to_owned(),
        "😀 ñandú".to_owned(),
        "<script>alert(1)</script>".to_owned(),
        "' OR 1=1 --".to_owned(),
        "x".repeat(200),
        " ".to_owned(),
        "x".repeat(201),
        String::new(),
    ] {
        let shown = reference.escape_debug().to_string();
        let order = direct.order();
        let order = PaymentRequest { reference: reference.clone(), description: None, ..order };
        let created =
            direct.plugin.create_payment(direct.call(), &direct.installation, &order).await;
        match direct.told("create-payment", created)? {
            Ok(payment) => {
                expected += 1;
                let read = direct.get(&payment.id).await?;
                let is_same = read.reference.as_ref() == Some(&reference)
                    && read.amount == order.amount
                    && read.attempt_id.as_ref() == Some(&order.attempt_id);
                expect(is_same, || {
                    format!("the payment with the reference '{shown}' is read with other values")
                })?;
            }
            Err(ProviderError::Refused(_)) => {}
            Err(error) => {
                return failed(format!(
                    "the reference '{shown}' answers {}: it is taken as it is, or refused",
                    error.case()
                ));
            }
        }
        let found = direct.world.count("payments", counting).await?;
        expect(found == expected, || {
            format!("there are {found} payments at the provider after '{shown}', not {expected}")
        })?;
    }
    Ok(())
}

/// Another workspace with the same account: it has not created the payment.
async fn other_workspace(kit: Arc<Kit>, evidence: Evidence) -> Outcome {
    let made_by = kit.usual_webhook();
    let world = World::start(kit, evidence, Mode::Test).await?;
    let direct = Direct::install(world, made_by).await?;
    let payment = direct.create(&direct.order()).await?;
    let other = Installation { workspace: new_id(), ..direct.installation.clone() };
    let read = direct.plugin.get_payment(direct.call(), &other, &payment.id).await;
    match direct.told("get-payment", read)? {
        Err(ProviderError::NotFound(_) | ProviderError::Refused(_)) => {}
        Err(error) => {
            return failed(format!("another workspace's payment answers {}", error.case()));
        }
        Ok(read) => expect(read.reference.is_none() && read.attempt_id.is_none(), || {
            "a payment that another workspace has created is read with its reference".to_owned()
        })?,
    }
    search_of_other_workspace(&direct, &other).await
}

async fn search_of_other_workspace(direct: &Direct, other: &Installation) -> Result<(), Ending> {
    let Call::FindPayment(search) = ready(direct, "find-payment").await? else { return Ok(()) };
    let found = direct.plugin.find_payment(direct.call(), other, &search).await;
    let found = direct.told("find-payment", found)?;
    expect(!matches!(found, Ok(PaymentSearchResult::Found(_))), || {
        "the attempt of another workspace is found".to_owned()
    })
}
