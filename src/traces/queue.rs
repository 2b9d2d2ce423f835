//! The bounded queue between the threads that end spans and the thread that exports them.
//!
//! The SDK has such a queue. But it only logs how many spans it drops, and needs an HTTP client
//! that blocks.

use std::convert::Infallible;
use std::io;
use std::sync::mpsc::{Receiver as Ended, RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use metrics::counter;
use opentelemetry::Context;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};
use tokio::runtime::Builder;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::collector::Collector;
use super::spans;
use crate::metrics::SPANS_DROPPED;

/// How many spans may wait. Each has about 1 KiB.
const QUEUE_CAPACITY: usize = 4096;
const MAX_BATCH: usize = 512;
/// The wait between two batches, unless one was full.
const EXPORT_INTERVAL: Duration = Duration::from_millis(250);
/// The niceness of the thread: calls and requests go first.
const NICE: i32 = 5;

#[derive(Debug)]
pub(super) struct SpanQueue {
    spans: Sender<SpanData>,
    closing: CancellationToken,
    /// Disconnected when the thread has ended.
    ended: Mutex<Ended<Infallible>>,
}

impl SpanQueue {
    /// Starts the thread.
    pub(super) fn start(collector: Collector) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (spans, inbox) = mpsc::channel(QUEUE_CAPACITY);
        let (running, ended) = channel();
        let closing = CancellationToken::new();
        let closed = closing.clone();
        thread::Builder::new().name("traces".to_owned()).spawn(move || {
            let _running = running;
            if let Err(error) = rustix::process::nice(NICE) {
                warn!(%error, "could not lower the priority of the thread for traces");
            }
            runtime.block_on(export_all(inbox, &closed, collector));
        })?;
        Ok(Self { spans, closing, ended: Mutex::new(ended) })
    }
}

impl SpanProcessor for SpanQueue {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if self.spans.try_send(span).is_err() {
            counter!(SPANS_DROPPED, "reason" => "queue_full").increment(1);
        }
    }

    /// Nothing asks for it before the end.
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.closing.cancel();
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        match ended.recv_timeout(timeout) {
            Ok(never) => match never {},
            Err(RecvTimeoutError::Disconnected) => Ok(()),
            Err(RecvTimeoutError::Timeout) => Err(OTelSdkError::Timeout(timeout)),
        }
    }
}

/// Exports batches until `closing` is cancelled and nothing is left.
async fn export_all(
    mut inbox: Receiver<SpanData>,
    closing: &CancellationToken,
    mut collector: Collector,
) {
    let mut batch = Vec::new();
    loop {
        let received = tokio::select! {
            biased;
            () = closing.cancelled(), if !inbox.is_closed() => {
                inbox.close();
                continue;
            }
            received = inbox.recv_many(&mut batch, MAX_BATCH) => received,
        };
        if received == 0 {
            return;
        }
        collector.export(batch.drain(..).filter_map(spans::exported).collect()).await;
        if received < MAX_BATCH {
            let _ = closing.run_until_cancelled(sleep(EXPORT_INTERVAL)).await;
        }
    }
}
