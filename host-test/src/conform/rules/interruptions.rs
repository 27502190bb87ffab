//! Whatever request gets no answer: the repeated command ends with one of each.

use std::sync::Arc;

use crate::conform::case::{
    Case, Ending, FoundCases, Outcome, Rule, described, expect, expect_contract, failed,
    not_applicable,
};
use crate::conform::door::PassOn;
use crate::conform::evidence::Evidence;
use crate::conform::fault::{Fault, Which};
use crate::conform::kit::{Kit, MadeBy};
use crate::conform::scenario::{Action, Missing};
use crate::conform::shop::Shop;
use crate::contract::types::{Awaited, CaptureMethod, Mode};
use crate::egress::Credentials;
use crate::marketplace::Error;
use ledger::types::PaymentStatus;

/// An interrupted `pay` and its repetition make one payment.
pub const ONE_CHARGE: Rule = Rule {
    name: "one-charge",
    why: "A customer whose payment is asked for again after a broken connection must not pay twice.",
    cases: |kit| cut_cases(kit, &[Command::Pay, Command::Cancel]),
};

/// An interrupted `refund` and its repetition make one refund.
pub const ONE_REFUND: Rule = Rule {
    name: "one-refund",
    why: "A refund that is asked for again after a broken connection must not give the money back twice.",
    cases: |kit| cut_cases(kit, &[Command::Refund]),
};

/// An interrupted `complete` and its repetition take the money once.
pub const ONE_COMPLETION: Rule = Rule {
    name: "one-completion",
    why: "A capture that is repeated after a broken connection must take the money once, and say so.",
    cases: |kit| cut_cases(kit, &[Command::Complete]),
};

/// An interrupted install, repair or uninstall is finished by the next one.
pub const ONE_WEBHOOK: Rule = Rule {
    name: "one-webhook",
    why: "A webhook that is left over delivers everything twice, and a missing one nothing.",
    cases: |kit| cut_cases(kit, &[Command::Install, Command::Repair, Command::Uninstall]),
};

/// A command of the marketplace that is interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Command {
    Pay,
    Cancel,
    Refund,
    Complete,
    Install,
    Repair,
    Uninstall,
}

impl Command {
    fn name(self) -> &'static str {
        match self {
            Self::Pay => "pay",
            Self::Cancel => "cancel",
            Self::Refund => "refund",
            Self::Complete => "complete",
            Self::Install => "install",
            Self::Repair => "repair",
            Self::Uninstall => "uninstall",
        }
    }

    /// Whether the provider has it at all.
    fn check(self, kit: &Kit) -> Outcome {
        let missing = match self {
            Self::Cancel => Missing::Cancellation,
            Self::Refund => Missing::Refunds,
            Self::Complete => Missing::Completion,
            Self::Pay | Self::Install | Self::Repair | Self::Uninstall => return Ok(()),
        };
        kit.scenario.needs(missing)
    }
}

/// For each request of each command, its connection cut before and after the provider has it.
fn cut_cases(kit: Arc<Kit>, commands: &'static [Command]) -> FoundCases {
    Box::pin(async move {
        let mut cases = Vec::new();
        for &command in commands {
            let name = command.name();
            let requests = match requests_of(Arc::clone(&kit), command).await {
                Ok(0) => {
                    cases.push(Case::new(name, move |_, _| async move {
                        not_applicable(format!("{name} sends no request"))
                    }));
                    continue;
                }
                Ok(requests) => requests,
                Err(Ending::Broken(error)) => return Err(Ending::Broken(error)),
                // Also without an interruption it does not succeed: the case says why.
                Err(ending) => {
                    cases.push(Case::new(name, |_, _| async { Err(ending) }));
                    continue;
                }
            };
            for number in 1..=requests {
                for fault in [Fault::CutBefore, Fault::CutAfter] {
                    let name = format!("{name}-request-{number}-{}", fault.name());
                    cases.push(Case::new(name, move |kit, evidence| {
                        interrupted(kit, evidence, command, number, fault)
                    }));
                }
            }
        }
        Ok(cases)
    })
}

/// How many requests of the plugin a command makes when nothing goes wrong.
async fn requests_of(kit: Arc<Kit>, command: Command) -> Result<usize, Ending> {
    command.check(&kit)?;
    let (shop, credentials) = prepared(kit, Evidence::default(), command).await?;
    let mark = shop.world.interposer.count();
    let run = run(&shop, &credentials, command).await;
    shop.told(command.name(), run)?;
    Ok(shop.world.interposer.since(mark).len())
}

/// A shop in which the command is the next one.
async fn prepared(
    kit: Arc<Kit>,
    evidence: Evidence,
    command: Command,
) -> Result<(Shop, Credentials), Ending> {
    let made_by = kit.usual_webhook();
    let can_capture_later = kit.scenario.can(Missing::ManualCapture);
    let shop = Shop::open(kit, evidence, Mode::Test, made_by).await?;
    // What a delivery asks would be counted among the command's requests.
    shop.world.door.pass_on(PassOn::Nowhere);
    if command == Command::Install {
        let credentials = shop.world.before_install(made_by).await?;
        return Ok((shop, credentials));
    }
    let (_, credentials) = shop.install().await?;
    match command {
        Command::Cancel => {
            shop.pay(ORDER).await?;
        }
        Command::Refund => {
            shop.paid(ORDER).await?;
        }
        Command::Complete => {
            let capture =
                if can_capture_later { CaptureMethod::Manual } else { CaptureMethod::Automatic };
            let asked = shop.marketplace.pay(shop.order(ORDER, capture)).await;
            let view = shop.told("pay", asked)?;
            shop.customer(Action::Pays, &view).await?;
            let view = shop.marketplace.payment(ORDER).await;
            let view = shop.told("payment", view)?;
            let awaits = view.provider.map(|payment| payment.awaits);
            expect(matches!(awaits, Some(Awaited::Completion(_))), || {
                "the customer has approved the payment, and it does not await `completion`"
                    .to_owned()
            })?;
        }
        Command::Pay | Command::Install | Command::Repair | Command::Uninstall => {}
    }
    Ok((shop, credentials))
}

/// The reference of the payment, and that of its refund.
const ORDER: &str = "order-1";
const REFUND: &str = "order-1-back";

async fn run(shop: &Shop, credentials: &Credentials, command: Command) -> Result<(), Error> {
    let marketplace = &shop.marketplace;
    match command {
        Command::Pay => {
            marketplace.pay(shop.order(ORDER, CaptureMethod::Automatic)).await.map(drop)
        }
        Command::Cancel => marketplace.cancel(ORDER).await.map(drop),
        Command::Refund => marketplace.refund(ORDER, REFUND, None).await.map(drop),
        Command::Complete => marketplace.complete(ORDER, shop.world.return_query()).await.map(drop),
        Command::Install => shop.install_with(credentials).await.map(drop),
        Command::Repair => marketplace.repair().await.map(drop),
        Command::Uninstall => marketplace.uninstall(false).await.map(drop),
    }
}

async fn interrupted(
    kit: Arc<Kit>,
    evidence: Evidence,
    command: Command,
    number: usize,
    fault: Fault,
) -> Outcome {
    let (shop, credentials) = prepared(kit, evidence, command).await?;
    let interposer = &shop.world.interposer;
    interposer.set_fault(Which::Number(number), fault);
    let first = run(&shop, &credentials, command).await;
    interposer.clear_fault();
    if let Err(error) = &first {
        let problem = error.problem();
        shop.world.evidence.add(&format!("{} → {}", command.name(), described(&problem)));
        expect_contract(&problem)?;
    }
    shop.world.evidence.add("the same command again:");
    let again = run(&shop, &credentials, command).await;
    match again {
        // It was finished already, or by recovery.
        Err(Error::NotInstalled | Error::UninstallFinished) if command == Command::Uninstall => {}
        again => shop.told(command.name(), again)?,
    }
    one_of_each(&shop, command).await
}

/// There is one payment, one refund, one webhook, or none where none may be.
async fn one_of_each(shop: &Shop, command: Command) -> Outcome {
    let count = &shop.world.kit.scenario.count;
    let expect_count = async |what: &str, reading: Option<_>, expected: u64| {
        let found = shop.world.count(what, reading).await?;
        expect(found == expected, || {
            format!("there are {found} {what} at the provider, not {expected}")
        })
    };
    match command {
        Command::Pay => {
            shop.paid(ORDER).await?;
            expect_count("payments", count.payments.as_ref(), 1).await
        }
        Command::Cancel => {
            let view = shop.marketplace.payment(ORDER).await;
            let view = shop.told("payment", view)?;
            let status = view.stored.status;
            expect(status == PaymentStatus::Canceled, || {
                format!("the canceled payment is {}", status.as_str())
            })
        }
        Command::Refund => expect_count("refunds", count.refunds.as_ref(), 1).await,
        Command::Complete => {
            let view = shop.marketplace.payment(ORDER).await;
            let stored = shop.told("payment", view)?.stored;
            let amount = shop.order(ORDER, CaptureMethod::Automatic).amount.minor_units;
            if stored.status != PaymentStatus::Approved || stored.received != amount {
                return failed(format!(
                    "the completed payment is {}, with {} received",
                    stored.status.as_str(),
                    stored.received
                ));
            }
            expect_count("payments", count.payments.as_ref(), 1).await
        }
        Command::Install | Command::Repair | Command::Uninstall => {
            let made_by = shop.world.kit.usual_webhook();
            // Installed at the second attempt: only now the merchant knows the URL.
            if command == Command::Install {
                let connection = shop.marketplace.status().await;
                let (connection, _) = shop.told("status", connection)?;
                shop.world.after_install(made_by, &connection.installation_url).await?;
            }
            let is_gone = command == Command::Uninstall && made_by == MadeBy::Plugin;
            expect_count("webhooks", count.webhooks.as_ref(), u64::from(!is_gone)).await
        }
    }
}
