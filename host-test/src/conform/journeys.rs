//! What happens to a payment, step by step, at an installed plugin.

use super::case::{Ending, expect};
use super::direct::{Direct, new_id};
use super::scenario::{Action, Amount, Missing};
use crate::clock;
use crate::contract::types::{
    Awaited, CaptureMethod, CompletionRequest, Money, Payment, PaymentRequest, PaymentStatus,
    Refund, RefundRequest,
};

impl Direct {
    /// A request for a payment of the scenario's first amount.
    #[must_use]
    pub fn order(&self) -> PaymentRequest {
        let amount = self.world.kit.scenario.amounts.first();
        let money = |amount: &Amount| Money {
            minor_units: amount.minor_units,
            currency: amount.currency.clone(),
        };
        let attempt_id = new_id();
        PaymentRequest {
            reference: format!("order-{attempt_id}"),
            idempotency_key: new_id(),
            attempt_id,
            reserved_at: clock::now(),
            amount: amount.map_or_else(|| Money { minor_units: 0, currency: String::new() }, money),
            description: Some("A parcel of the conformance kit".to_owned()),
            success_url: "https://shop.example/thank-you".to_owned(),
            cancel_url: None,
            expires_at: None,
            capture_method: CaptureMethod::Automatic,
        }
    }

    /// Creates a payment.
    ///
    /// # Errors
    ///
    /// It is not created.
    pub async fn create(&self, order: &PaymentRequest) -> Result<Payment, Ending> {
        let created = self.plugin.create_payment(self.call(), &self.installation, order).await;
        self.expect_ok("create-payment", created)
    }

    /// Reads a payment.
    ///
    /// # Errors
    ///
    /// It is not read.
    pub async fn get(&self, id: &str) -> Result<Payment, Ending> {
        let got = self.plugin.get_payment(self.call(), &self.installation, id).await;
        self.expect_ok("get-payment", got)
    }

    /// The customer does something on the payment's page.
    ///
    /// # Errors
    ///
    /// There is no page, or the scenario does not say how.
    pub async fn customer(&self, action: Action, payment: &Payment) -> Result<(), Ending> {
        // A customer may also pay without a page, such as with a code: a scenario that needs `{link}` says so.
        if let Some(link) = payment.checkout_url() {
            self.world.set("link", link);
        }
        self.world.set("payment", &payment.id);
        self.world.act(action).await
    }

    /// A request to complete a payment.
    #[must_use]
    pub fn completion(&self, order: &PaymentRequest, payment: &Payment) -> CompletionRequest {
        CompletionRequest {
            payment: payment.id.clone(),
            attempt_id: order.attempt_id.clone(),
            idempotency_key: new_id(),
            reserved_at: order.reserved_at,
            return_query: self.world.return_query(),
        }
    }

    /// A payment that its customer has paid, completed where that is needed.
    ///
    /// # Errors
    ///
    /// It does not become approved.
    pub async fn paid(&self, order: &PaymentRequest) -> Result<Payment, Ending> {
        let payment = self.create(order).await?;
        self.customer(Action::Pays, &payment).await?;
        let mut payment = self.get(&payment.id).await?;
        if matches!(payment.awaits, Awaited::Completion(_)) {
            let request = self.completion(order, &payment);
            let completed =
                self.plugin.complete_payment(self.call(), &self.installation, &request).await;
            payment = self.expect_ok("complete-payment", completed)?;
        }
        expect(payment.status == PaymentStatus::Approved, || {
            format!("the customer has paid, and the payment is {}", payment.status.as_str())
        })?;
        Ok(payment)
    }

    /// A payment that waits to be completed, and its order.
    ///
    /// # Errors
    ///
    /// No payment of the provider does.
    pub async fn to_be_completed(&self) -> Result<(PaymentRequest, Payment), Ending> {
        let scenario = &self.world.kit.scenario;
        scenario.needs(Missing::Completion)?;
        let mut order = self.order();
        if scenario.can(Missing::ManualCapture) {
            order.capture_method = CaptureMethod::Manual;
        }
        let payment = self.create(&order).await?;
        self.customer(Action::Pays, &payment).await?;
        let payment = self.get(&payment.id).await?;
        expect(matches!(payment.awaits, Awaited::Completion(_)), || {
            "the customer has approved the payment, and it does not await `completion`".to_owned()
        })?;
        Ok((order, payment))
    }

    /// A request to refund a payment in full.
    #[must_use]
    pub fn refund_of(payment: &Payment) -> RefundRequest {
        let attempt_id = new_id();
        RefundRequest {
            payment: payment.id.clone(),
            reference: format!("refund-{attempt_id}"),
            idempotency_key: new_id(),
            attempt_id,
            reserved_at: clock::now(),
            minor_units: None,
        }
    }

    /// Refunds a payment.
    ///
    /// # Errors
    ///
    /// It is not refunded.
    pub async fn refund(&self, request: &RefundRequest) -> Result<Refund, Ending> {
        let refunded = self.plugin.refund_payment(self.call(), &self.installation, request).await;
        self.expect_ok("refund-payment", refunded)
    }
}
