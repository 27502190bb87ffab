//! The test cards, and how an attempt to pay with each ends. Source: Stripe's documentation of testing; the
//! codes of a decline as others have seen them in Stripe's test mode.

use serde_json::{Value, json};

/// The end of an attempt to pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is paid.
    Paid,
    /// It is paid, and disputed at once.
    Disputed,
    /// A part of it is paid.
    PaidInPart,
    /// It is paid in another currency.
    PaidInOtherCurrency,
    /// It is declined.
    Declined(Decline),
    /// The bank asks for authentication.
    RequiresAuthentication,
    /// The customer has a voucher, to pay it elsewhere.
    HasVoucher,
}

/// Why an attempt to pay was declined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decline {
    /// Stripe's error code.
    pub code: &'static str,
    /// The bank's reason: Stripe's decline code.
    pub reason: &'static str,
    /// What to do next: Stripe's advice code.
    pub advice: &'static str,
    /// The parameter that is wrong.
    param: Option<&'static str>,
    /// For the customer.
    pub message: &'static str,
}

impl Decline {
    /// The fields of the error that say why.
    pub fn json(&self) -> Value {
        let mut error = json!({
            "type": "card_error",
            "advice_code": self.advice,
            "code": self.code,
            "decline_code": self.reason,
            "doc_url": doc_url(self.code),
            "message": self.message,
        });
        if let (Some(param), Some(error)) = (self.param, error.as_object_mut()) {
            error.insert("param".to_owned(), param.into());
        }
        error
    }
}

/// Where an error code is explained.
pub fn doc_url(code: &str) -> String {
    format!("https://stripe.com/docs/error-codes/{}", code.replace('_', "-"))
}

/// A test card.
#[derive(Debug, PartialEq, Eq)]
pub struct TestCard {
    /// The card number, or a word of the fake's own.
    pub number: &'static str,
    /// The names of its PaymentMethods. None has one: it can be used on a page only.
    pub payment_methods: &'static [&'static str],
    /// The card network.
    pub brand: &'static str,
    /// What happens.
    pub outcome: Outcome,
}

impl TestCard {
    /// The last four digits.
    pub fn last4(&self) -> &'static str {
        let start = self.number.len().saturating_sub(4);
        self.number
            .get(start..)
            .filter(|end| end.bytes().all(|b| b.is_ascii_digit()))
            .unwrap_or("4242")
    }

    /// The same for every use of the card.
    pub fn fingerprint(&self) -> String {
        format!("fake{:0>12}", self.last4())
    }

    /// The card of a page: a number, however it is spaced, or a word. An unknown one is declined.
    pub fn by_number(text: &str) -> &'static Self {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let number = if digits.is_empty() { text } else { &digits };
        CARDS.into_iter().find(|card| card.number == number).unwrap_or(&DECLINED)
    }

    /// The card of a PaymentMethod such as `pm_card_visa`.
    pub fn by_payment_method(name: &str) -> Option<&'static Self> {
        CARDS.into_iter().find(|card| card.payment_methods.contains(&name))
    }

    /// The card that is declined with a decline code.
    pub fn by_decline(decline_code: &str) -> Option<&'static Self> {
        CARDS.into_iter().find(|card| card.decline_code() == Some(decline_code))
    }

    /// The decline codes that a card has.
    pub fn decline_codes() -> impl Iterator<Item = &'static str> {
        CARDS.into_iter().filter_map(Self::decline_code)
    }

    fn decline_code(&self) -> Option<&'static str> {
        match self.outcome {
            Outcome::Declined(decline) => Some(decline.reason),
            _ => None,
        }
    }
}

const fn pays(
    number: &'static str,
    name: &'static [&'static str],
    brand: &'static str,
) -> TestCard {
    TestCard { number, payment_methods: name, brand, outcome: Outcome::Paid }
}

const fn visa(
    number: &'static str,
    payment_methods: &'static [&'static str],
    outcome: Outcome,
) -> TestCard {
    TestCard { number, payment_methods, brand: "visa", outcome }
}

/// The bank does not pay.
const fn declined(reason: &'static str, advice: &'static str, message: &'static str) -> Outcome {
    Outcome::Declined(Decline { code: "card_declined", reason, advice, param: None, message })
}

/// Something is wrong with the card, or with what was entered.
const fn refused(
    code: &'static str,
    advice: &'static str,
    param: Option<&'static str>,
    message: &'static str,
) -> Outcome {
    Outcome::Declined(Decline { code, reason: code, advice, param, message })
}

/// The card that pays.
pub static VISA: TestCard = pays("4242424242424242", &["pm_card_visa"], "visa");

/// The card that is declined without a reason.
pub static DECLINED: TestCard = visa(
    "4000000000000002",
    &["pm_card_visa_chargeDeclined", "pm_card_chargeDeclined"],
    declined("generic_decline", "try_again_later", "Your card was declined."),
);

static CARDS: [&TestCard; 16] = [
    &VISA,
    &DECLINED,
    &pays("5555555555554444", &["pm_card_mastercard"], "mastercard"),
    &visa(
        "4000000000009995",
        &[
            "pm_card_visa_chargeDeclinedInsufficientFunds",
            "pm_card_chargeDeclinedInsufficientFunds",
        ],
        declined("insufficient_funds", "try_again_later", "Your card has insufficient funds."),
    ),
    &visa(
        "4000000000009987",
        &["pm_card_visa_chargeDeclinedLostCard"],
        declined("lost_card", "do_not_try_again", "Your card was declined."),
    ),
    &visa(
        "4000000000009979",
        &["pm_card_visa_chargeDeclinedStolenCard"],
        declined("stolen_card", "do_not_try_again", "Your card was declined."),
    ),
    &visa(
        "4000000000000069",
        &["pm_card_chargeDeclinedExpiredCard"],
        refused("expired_card", "confirm_card_data", Some("exp_month"), "Your card has expired."),
    ),
    &visa(
        "4000000000000127",
        &["pm_card_chargeDeclinedIncorrectCvc"],
        refused(
            "incorrect_cvc",
            "confirm_card_data",
            Some("cvc"),
            "Your card's security code is incorrect.",
        ),
    ),
    &visa(
        "4000000000000119",
        &["pm_card_chargeDeclinedProcessingError"],
        refused(
            "processing_error",
            "try_again_later",
            None,
            "An error occurred while processing your card. Try again in a little bit.",
        ),
    ),
    &visa(
        "4000002500003155",
        &["pm_card_authenticationRequiredOnSetup"],
        Outcome::RequiresAuthentication,
    ),
    &visa("4000002760003184", &["pm_card_authenticationRequired"], Outcome::RequiresAuthentication),
    &visa("4000000000003220", &["pm_card_threeDSecure2Required"], Outcome::RequiresAuthentication),
    &visa("4000000000000259", &["pm_card_createDispute"], Outcome::Disputed),
    // Stripe has no such cards.
    &visa("voucher", &[], Outcome::HasVoucher),
    &visa("short", &[], Outcome::PaidInPart),
    &visa("euro", &[], Outcome::PaidInOtherCurrency),
];
