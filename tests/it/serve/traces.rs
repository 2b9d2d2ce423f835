//! Traces, as a collector gets them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use karipass_lab::certificate;
use karipass_lab::collector::{FakeCollector, Treatment};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use super::Whole;
use crate::site::{NUMBER, RIGHT};
use crate::support::{wait_until, wait_until_within};

const NO_NOTICE: (&str, &str) = ("KARIPASS_SHUTDOWN_DRAIN_S", "0");
/// What the caller keys.
const KEYED: &str = "12345678";

impl Whole {
    /// A daemon with this collector and these variables.
    async fn traced(collector: &FakeCollector, more: &[(&str, &str)]) -> Self {
        let given = [("KARIPASS_TRACING_ENDPOINT", &*collector.url), NO_NOTICE];
        Self::ready(&[&given, more].concat()).await
    }

    async fn dropped(&self, reason: &str) -> f64 {
        let name = format!("karipass_spans_dropped_total{{reason=\"{reason}\"}} ");
        self.daemon.metric(&self.client, &name).await
    }

    /// A call that stores [`KEYED`].
    async fn store(&self, channel: &str) {
        self.fake.call_up_to_confirmation(channel, NUMBER).await;
        self.fake.press(channel, KEYED);
        self.fake.wait_for_playback(channel, "completed").await;
        self.fake.hang_up(channel);
    }
}

/// The spans that a collector has taken.
struct Taken(Vec<Span>);

impl Taken {
    fn by(collector: &FakeCollector) -> Self {
        let requests = collector.bodies();
        let requests = requests.iter().map(|body| ExportTraceServiceRequest::decode(&**body));
        let resources = requests.flat_map(|request| request.unwrap().resource_spans);
        let scopes = resources.flat_map(|resource| resource.scope_spans);
        Self(scopes.flat_map(|scope| scope.spans).collect())
    }

    fn roots(&self) -> Vec<&Span> {
        self.0.iter().filter(|span| span.parent_span_id.is_empty()).collect()
    }

    /// The names of the spans below this one, with those of their parents.
    fn below(&self, root: &Span) -> Vec<(&str, &str)> {
        let parent = |span: &Span| {
            let mut of_trace = self.0.iter().filter(|other| other.trace_id == root.trace_id);
            of_trace.find(|other| other.span_id == span.parent_span_id).expect("its parent")
        };
        let trace = self.0.iter().filter(|span| span.trace_id == root.trace_id);
        let children = trace.filter(|span| span.span_id != root.span_id);
        let mut named: Vec<_> =
            children.map(|span| (parent(span).name.as_str(), span.name.as_str())).collect();
        named.sort_unstable();
        named
    }
}

fn attributes(span: &Span) -> BTreeMap<&str, String> {
    let text = |value: &any_value::Value| {
        if let any_value::Value::StringValue(text) = value {
            return text.clone();
        }
        let any_value::Value::IntValue(number) = value else { panic!("{value:?}") };
        number.to_string()
    };
    let value = |attribute: &'_ opentelemetry_proto::tonic::common::v1::KeyValue| {
        text(attribute.value.as_ref().unwrap().value.as_ref().unwrap())
    };
    span.attributes.iter().map(|attribute| (attribute.key.as_str(), value(attribute))).collect()
}

fn contains(body: &[u8], text: &str) -> bool {
    body.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn r_a_call_and_a_login_are_one_trace_each_and_show_no_secret() {
    let collector = FakeCollector::start().unwrap();
    // Traces do not depend on what is logged.
    let mut whole = Whole::traced(&collector, &[("KARIPASS_LOG_FILTER", "warn")]).await;
    whole.store("traced.1").await;
    let bearer = whole.client.log_in(&whole.daemon.base, NUMBER, KEYED).await.token();
    let channel_gone = async || whole.daemon.metric(&whole.client, "karipass_calls ").await < 1.0;
    wait_until("the call's end", channel_gone).await;
    whole.terminate();
    whole.wait_until_ended().await;

    let taken = Taken::by(&collector);
    let mut roots = taken.roots();
    roots.sort_by_key(|span| &span.name);
    let [login, call] = roots[..] else { panic!("{roots:#?}") };
    assert_eq!((&*login.name, &*call.name), ("POST /api/v1/login", "call"));
    let of_login = ["accept_login", "contract_of", "hash", "login_candidate"];
    assert_eq!(taken.below(login), of_login.map(|name| (&*login.name, name)));
    let steps = ["closing", "confirmation", "look_up", "menu", "password", "storing"];
    let mut of_call: Vec<_> =
        steps.into_iter().chain(["contract_of", "hash", "store"]).map(|it| ("call", it)).collect();
    of_call.push(("store", "apply"));
    of_call.sort_unstable();
    assert_eq!(taken.below(call), of_call);

    let mut shown = attributes(call);
    assert!(shown.remove("karipass.pbx").is_some_and(|pbx| pbx.starts_with("127.0.0.1:")));
    let expected = [
        ("karipass.caller", "061234****"),
        ("karipass.channel", "traced.1"),
        ("karipass.outcome", "stored"),
        ("karipass.unit", "line"),
    ];
    assert_eq!(shown, expected.map(|(name, value)| (name, value.to_owned())).into());
    let expected = [
        ("http.request.method", "POST"),
        ("http.response.status_code", "200"),
        ("http.route", "/api/v1/login"),
    ];
    assert_eq!(attributes(login), expected.map(|(name, value)| (name, value.to_owned())).into());
    let parts = taken.0.iter().filter(|span| !span.parent_span_id.is_empty());
    let names: BTreeSet<&str> = parts.flat_map(|span| attributes(span).into_keys()).collect();
    let listed = ["db.operation.name", "db.system.name", "karipass.pool", "karipass.step"];
    assert_eq!(names, listed.into());
    assert!(taken.0.iter().all(|span| span.events.is_empty() && span.links.is_empty()));
    for body in collector.bodies() {
        for secret in [KEYED, RIGHT, NUMBER, "$argon2", &bearer] {
            assert!(!contains(&body, secret));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r_an_outage_of_the_collector_is_logged_once_and_its_spans_are_counted() {
    let collector = FakeCollector::start().unwrap();
    let whole = Whole::traced(&collector, &[]).await;
    collector.treat(Treatment::Refused);
    let page = format!("{}/login", whole.daemon.base);
    for _ in 0..3 {
        let before = whole.dropped("not_taken").await;
        assert_eq!(whole.client.get(&page).await.status, 200);
        wait_until("a dropped span", async || whole.dropped("not_taken").await > before).await;
    }
    collector.treat(Treatment::Taken);
    assert_eq!(whole.client.get(&page).await.status, 200);
    let logged =
        |event: &str| whole.daemon.log().matches(&format!("\"event\":\"{event}\"")).count();
    wait_until("the end of the outage", async || logged("traces_exported") > 0).await;
    assert_eq!([logged("traces_dropped"), logged("traces_exported")], [1, 1]);
    assert_eq!(Taken::by(&collector).roots()[0].name, "GET /login");
}

/// Its queue is full, and nothing waits.
#[tokio::test(flavor = "multi_thread")]
async fn r_a_collector_that_hangs_delays_neither_calls_nor_the_shutdown() {
    const AT_ONCE: usize = 50;
    /// The collector loses a batch every 5 s; a slow machine fills the queue little faster.
    const FILL_TIMEOUT: Duration = Duration::from_mins(4);
    let collector = FakeCollector::start().unwrap();
    let mut whole = Whole::traced(&collector, &[]).await;
    collector.treat(Treatment::Unanswered);
    let page = format!("{}/no-such-page", whole.daemon.base);
    wait_until_within(FILL_TIMEOUT, "a full queue", async || {
        let requests = (0..AT_ONCE).map(|_| whole.client.get(&page));
        futures_util::future::join_all(requests).await;
        whole.dropped("queue_full").await > 0.0
    })
    .await;
    assert!(collector.unanswered() > 0);
    whole.store("untraced.1").await;
    assert!(whole.is_set().await);
    wait_until("the call's end", async || whole.fake.is_gone("untraced.1")).await;
    let before = collector.unanswered();
    whole.terminate();
    whole.wait_until_ended().await;
    // The whole queue would be eight requests, each of which is given up after 5 s.
    assert!(collector.unanswered() < before + 4, "the shutdown waits for the collector");
    assert!(collector.bodies().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn r_a_collector_is_reached_over_tls_and_must_have_a_known_authority() {
    let folder = tempfile::tempdir().unwrap();
    certificate::certify_in(folder.path(), &["127.0.0.1"]).unwrap();
    let collector = FakeCollector::start_tls(folder.path()).unwrap();
    let file = |name: &str| folder.path().join(name);
    let get = async |authority: &Path| {
        let authority = authority.to_str().unwrap();
        let whole = Whole::traced(&collector, &[("KARIPASS_TRACING_CA_FILE", authority)]).await;
        assert_eq!(whole.client.get(&format!("{}/login", whole.daemon.base)).await.status, 200);
        whole
    };
    let _whole = get(&file("ca.pem")).await;
    wait_until("a trace", async || !Taken::by(&collector).0.is_empty()).await;

    let taken = collector.bodies().len();
    let other = tempfile::tempdir().unwrap();
    certificate::certify_in(other.path(), &["127.0.0.1"]).unwrap();
    let whole = get(&other.path().join("ca.pem")).await;
    wait_until("a dropped span", async || whole.dropped("not_taken").await > 0.0).await;
    assert_eq!(collector.bodies().len(), taken);
}
