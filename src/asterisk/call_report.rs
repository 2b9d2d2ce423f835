//! Logs and metrics of one call. `docs/operations.md` has the table of its log lines.
//!
//! At `info` the lines explain how a call ended: the caller, what was heard, each entry, what was
//! stored, the end. Only holds are at `debug`, because a caller may repeat them without an end.

use std::time::{Duration, Instant};

use metrics::{counter, gauge, histogram};
use tracing::field::debug;
use tracing::{Span, debug, info, info_span};

use super::events::{CallerIdentity, Evidence, IdentitySource};
use super::live_calls::{LiveCall, LiveCalls, LiveEntry};
use crate::clock;
use crate::metrics::{
    CALL_DURATION, CALL_STEP_DURATION, CALLS_ENDED, CALLS_STARTED, LAST_CALL, WRONG_ENTRIES,
};
use domain::auth_unit::AuthUnit;
use domain::dialog::{Call, EntrySummary, Progress, StepName, StoreResult};
use domain::phone_number::PhoneNumber;

/// A call that has entered the application.
pub(super) struct IncomingCall {
    pub(super) channel: String,
    /// The endpoint that it comes from.
    pub(super) endpoint: Option<String>,
    pub(super) identity: IdentitySource,
    /// Another process may have played something on it.
    pub(super) adopted: bool,
    pub(super) at: Instant,
}

/// The progress of one call, as it was last reported.
pub(super) struct CallReport {
    started: Instant,
    /// The current step, or the last one of a call that is over.
    step: Option<StepName>,
    entered: Instant,
    /// The current step in the trace of the call.
    step_span: Span,
    unit: Option<AuthUnit>,
    wrong_entries: u8,
    live: LiveEntry,
}

impl CallReport {
    /// Reports a new call.
    pub(super) fn new(
        incoming: &IncomingCall,
        caller: &CallerIdentity,
        pbx: &str,
        live_calls: &LiveCalls,
    ) -> Self {
        let since = clock::wall_clock();
        counter!(CALLS_STARTED).increment(1);
        #[expect(clippy::cast_precision_loss, reason = "exact for 285 million years")]
        gauge!(LAST_CALL).set(since.as_second() as f64);
        Span::current().record("caller", caller.number.map(debug));
        info!(
            event = "came_in",
            caller = caller.number.map(debug),
            verdict = caller.verdict.as_str(),
            evidence = caller.evidence.map(Evidence::as_str),
            endpoint = incoming.endpoint.as_deref(),
            sip_call_id = caller.sip_call_id.as_deref(),
            pbx,
            adopted = incoming.adopted,
            "call received"
        );
        let live = live_calls.insert(LiveCall {
            channel: incoming.channel.clone(),
            pbx: pbx.to_owned(),
            since,
            caller: caller.number,
            step: StepName::LookUp,
            wrong_entries: 0,
        });
        Self {
            started: incoming.at,
            step: None,
            entered: incoming.at,
            step_span: Span::none(),
            unit: None,
            wrong_entries: 0,
            live,
        }
    }

    /// Reports the progress since the last input.
    pub(super) fn update(&mut self, call: &mut Call, now: Instant) {
        for progress in call.take_progress() {
            log(progress);
        }
        self.unit = call.unit();
        let (step, wrong_entries) = (call.step(), call.wrong_entries());
        if let Some(step) = step
            && (Some(step), wrong_entries) != (self.step, self.wrong_entries)
        {
            self.wrong_entries = wrong_entries;
            self.live.update(step, wrong_entries);
        }
        if step == self.step {
            return;
        }
        if let Some(left) = self.step {
            let took = now.saturating_duration_since(self.entered);
            histogram!(CALL_STEP_DURATION, "step" => left.as_str()).record(took);
        }
        self.step = step.or(self.step);
        self.entered = now;
        let span = |step: StepName| info_span!("step", step = step.as_str());
        self.step_span = step.map_or_else(Span::none, span);
    }

    /// Reports the result of storing a temporary password. A failure was logged where it arose.
    pub(super) fn report_store_result(&self, login_number: PhoneNumber, result: StoreResult) {
        let unit = self.unit.map(AuthUnit::as_str);
        match result {
            StoreResult::Stored => {
                info!(event = "stored", login = ?login_number, unit, "password stored");
            }
            StoreResult::Refused => {
                info!(event = "store_refused", login = ?login_number, unit, "password not stored");
            }
            StoreResult::Unreachable => {}
        }
    }

    /// Reports the end of the call.
    pub(super) fn end(&self, outcome: &'static str) {
        let (step, unit) = (self.step.map(StepName::as_str), self.unit.map(AuthUnit::as_str));
        let lasted = clock::now().saturating_duration_since(self.started);
        counter!(CALLS_ENDED, "outcome" => outcome, "unit" => unit.unwrap_or("none")).increment(1);
        histogram!(CALL_DURATION).record(lasted);
        info!(event = "ended", outcome, step, unit, duration_ms = millis(lasted), "call ended");
        Span::current().record("outcome", outcome).record("unit", unit);
    }
}

fn log(progress: Progress) {
    match progress {
        Progress::GuidanceBegan(guidance) => {
            info!(event = "guidance", guidance, "guidance began");
        }
        Progress::BargeIn => info!(event = "barge_in", "barge-in"),
        Progress::EntryAccepted(EntrySummary { step, digits, by_silence }) => {
            info!(event = "entry", step = step.as_str(), digits, by_silence, "entry accepted");
        }
        Progress::EntryRefused { entry, reason, wrong_entries } => {
            let EntrySummary { step, digits, by_silence } = entry;
            let (step, reason) = (step.as_str(), reason.as_str());
            counter!(WRONG_ENTRIES, "step" => step, "reason" => reason).increment(1);
            info!(
                event = "wrong_entry",
                step, digits, by_silence, reason, wrong_entries, "wrong entry"
            );
        }
        Progress::Disconnected => info!(event = "disconnected", "Asterisk disconnected"),
        Progress::Reconnected => info!(event = "reconnected", "Asterisk reconnected"),
        Progress::Held => debug!(event = "held", "call on hold"),
        Progress::Unheld => debug!(event = "unheld", "hold ended"),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
