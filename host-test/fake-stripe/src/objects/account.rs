//! The account.

use serde_json::{Value, json};

use super::{empty_address, with_nulls};

/// When every account was created, in Unix seconds: on 1 January 2024. Our own choice.
const CREATED: u64 = 1_704_067_200;

/// The JSON of an account.
pub fn account_json(id: &str, can_charge: bool) -> Value {
    let capability = if can_charge { "active" } else { "inactive" };
    json!({
        "id": id,
        "object": "account",
        "business_profile": business_profile(),
        "business_type": "company",
        "capabilities": { "card_payments": capability, "transfers": capability },
        "charges_enabled": can_charge,
        "controller": { "type": "account" },
        "country": "US",
        "created": CREATED,
        "default_currency": "usd",
        "details_submitted": can_charge,
        "email": "shop@example.com",
        "external_accounts": {
            "object": "list",
            "data": [],
            "has_more": false,
            "url": format!("/v1/accounts/{id}/external_accounts"),
        },
        "future_requirements": requirements(true),
        "metadata": {},
        "payouts_enabled": can_charge,
        "requirements": requirements(can_charge),
        "settings": settings(),
        "tos_acceptance": { "date": null, "ip": null, "user_agent": null },
        "type": "standard",
    })
}

fn business_profile() -> Value {
    const NULLS: [&str; 10] = [
        "annual_revenue",
        "estimated_worker_count",
        "mcc",
        "minority_owned_business_designation",
        "product_description",
        "specified_commercial_transactions_act_url",
        "support_email",
        "support_phone",
        "support_url",
        "url",
    ];
    let profile = json!({ "name": "Fake Stripe's shop", "support_address": empty_address() });
    with_nulls(profile, &NULLS)
}

fn requirements(are_met: bool) -> Value {
    let due: &[&str] = if are_met { &[] } else { &["business_profile.url", "external_account"] };
    json!({
        "alternatives": [],
        "current_deadline": null,
        "currently_due": due,
        "disabled_reason": (!are_met).then_some("requirements.past_due"),
        "errors": [],
        "eventually_due": due,
        "past_due": due,
        "pending_verification": [],
    })
}

fn settings() -> Value {
    const BRANDING: [&str; 4] = ["icon", "logo", "primary_color", "secondary_color"];
    const CARDS: [&str; 3] = [
        "statement_descriptor_prefix",
        "statement_descriptor_prefix_kana",
        "statement_descriptor_prefix_kanji",
    ];
    const PAYMENTS: [&str; 5] = [
        "statement_descriptor",
        "statement_descriptor_kana",
        "statement_descriptor_kanji",
        "statement_descriptor_prefix_kana",
        "statement_descriptor_prefix_kanji",
    ];
    let decline_on = json!({ "decline_on": { "avs_failure": true, "cvc_failure": true } });
    json!({
        "bacs_debit_payments": { "display_name": null, "service_user_number": null },
        "branding": with_nulls(json!({}), &BRANDING),
        "card_issuing": { "tos_acceptance": { "date": null, "ip": null } },
        "card_payments": with_nulls(decline_on, &CARDS),
        "dashboard": { "display_name": "Fake Stripe's shop", "timezone": "Etc/UTC" },
        "invoices": { "default_account_tax_ids": null, "hosted_payment_method_save": null },
        "payments": with_nulls(json!({}), &PAYMENTS),
        "payouts": {
            "debit_negative_balances": true,
            "schedule": { "delay_days": 2, "interval": "daily" },
            "statement_descriptor": null,
        },
        "sepa_debit_payments": {},
    })
}
