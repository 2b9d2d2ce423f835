//! The dialplan's verdict on a caller (P1). Real SIP messages go to a real Asterisk. Each is
//! answered by a verdict in the Stasis arguments or by a refusal.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures_util::StreamExt as _;
use karipass_lab::asterisk::{ARI_USER, Asterisk, AsteriskSetup, SET_UP_NUMBER};
use serde_json::Value;
use tokio::net::{TcpStream, UdpSocket};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

mod cases;

/// The samples' carrier, which asserts callers.
const CARRIER: Ipv4Addr = karipass_lab::asterisk::CARRIER;
/// One that vouches for From.
const VOUCHING: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);
/// One that asserts callers, and writes `81…` without a plus.
const PLAIN: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 4);
/// A telephone, known by its address so that it needs no digest.
const PHONE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 5);
/// An address without an endpoint.
const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 6);

const ENDPOINTS: &str = "
[vouching](karipass-endpoint)
context = karipass-trunk-from
identify_by = ip
trust_id_inbound = yes
[vouching]
type = identify
endpoint = vouching
match = 127.0.0.3
[plain](karipass-endpoint)
context = karipass-trunk
identify_by = ip
trust_id_inbound = yes
set_var = KARIPASS_PLAIN_81=yes
[plain]
type = identify
endpoint = plain
match = 127.0.0.4
[telephone](karipass-phone)
callerid = <0612345601>
[telephone]
type = identify
endpoint = telephone
match = 127.0.0.5
";

/// The events of Asterisk for the application.
pub type Events = WebSocketStream<MaybeTlsStream<TcpStream>>;

#[test]
fn p1_a_trusted_trunks_asserted_identity_is_the_caller_in_every_written_form() -> Result<()> {
    check(&cases::asserted())
}

#[test]
fn p1_a_bare_from_is_never_the_caller() -> Result<()> {
    check(&cases::bare_from())
}

#[test]
fn p1_from_counts_where_the_carrier_vouches_for_it() -> Result<()> {
    check(&cases::vouched())
}

#[test]
fn p1_a_telephone_is_its_fixed_identity_whatever_it_writes() -> Result<()> {
    check(&cases::telephone())
}

#[test]
fn p1_identities_that_disagree_or_are_foreign_are_untrusted() -> Result<()> {
    check(&cases::doubtful())
}

#[test]
fn p1_hostile_text_is_never_executed_as_dialplan() -> Result<()> {
    check(&cases::hostile())
}

#[test]
fn p1_a_request_with_a_header_too_long_to_read_is_untrusted() -> Result<()> {
    check(&cases::oversized())
}

#[test]
fn p1_a_call_that_headers_or_its_uri_say_was_passed_on_is_untrusted() -> Result<()> {
    check(&cases::passed_on())
}

#[test]
fn p1_a_call_whose_answer_goes_elsewhere_is_untrusted() -> Result<()> {
    check(&cases::answered_elsewhere())
}

#[test]
fn p2_a_withheld_number_is_not_handed_on() -> Result<()> {
    check(&cases::withheld())
}

#[test]
fn p1_only_the_set_up_number_is_answered_in_each_of_its_forms() -> Result<()> {
    check(&cases::dialled())
}

/// The result of a call.
#[derive(Debug, PartialEq, Eq)]
pub enum Disposition {
    /// The application got these arguments.
    Stasis(String, String),
    /// A final SIP response.
    Refused(u16),
}

fn trusted(number: &str) -> Disposition {
    Disposition::Stasis("trusted".into(), number.into())
}

fn verdict(verdict: &str) -> Disposition {
    Disposition::Stasis(verdict.into(), String::new())
}

/// One INVITE and its expected result.
struct InviteCase {
    from: Ipv4Addr,
    dialled: &'static str,
    /// Parameters of the request's URI.
    parameters: &'static str,
    /// Parameters of Via.
    via: String,
    call_id: &'static str,
    from_header: &'static str,
    headers: String,
    expected: Disposition,
}

impl InviteCase {
    fn new(from: Ipv4Addr, headers: impl Into<String>, expected: Disposition) -> Self {
        let from_header = "<sip:0699999999@caller.example>";
        let (dialled, headers) = (SET_UP_NUMBER, headers.into());
        let (via, call_id) = (String::new(), "case(x),y");
        Self { from, dialled, parameters: "", via, call_id, from_header, headers, expected }
    }

    fn claiming(mut self, from_header: &'static str) -> Self {
        self.from_header = from_header;
        self
    }

    fn dialled(mut self, dialled: &'static str) -> Self {
        self.dialled = dialled;
        self
    }

    /// The entry of `karipass-line` that the context of its endpoint leads to.
    fn evidence(&self) -> &'static str {
        if self.from == VOUCHING {
            "vouched"
        } else if self.from == PHONE {
            "phone"
        } else {
            "asserted"
        }
    }
}

/// Sends every case to a fresh Asterisk whose application only listens.
fn check(cases: &[InviteCase]) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let setup = AsteriskSetup::new(folder.path())?.snippet("phones.conf", ENDPOINTS);
    let asterisk = Asterisk::start(setup)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let wrong = runtime.block_on(async {
        let mut events = listen(&asterisk).await?;
        let mut wrong = Vec::new();
        for (index, case) in cases.iter().enumerate() {
            let answer = call(&asterisk, &mut events, index, case).await;
            let answer = answer.with_context(|| format!("case {index}"))?;
            if answer != case.expected {
                let InviteCase { from, dialled, parameters, via, .. } = case;
                let InviteCase { call_id, from_header, headers, expected, .. } = case;
                let mut text = format!(
                    "{from} dials {dialled}{parameters}, Via {via}, Call-ID {call_id}, From: {from_header} {headers:?}"
                );
                text.truncate(500);
                wrong.push(format!("{text}: {answer:?}, not {expected:?}"));
            }
        }
        anyhow::Ok(wrong)
    })?;
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// Connects for the application.
pub async fn listen(asterisk: &Asterisk) -> Result<Events> {
    let key = format!("{ARI_USER}:{}", asterisk.setup.ari_password);
    let url = format!("ws://{}/ari/events?app=karipass&api_key={key}", asterisk.setup.ari);
    Ok(tokio_tungstenite::connect_async(url).await?.0)
}

async fn call(
    asterisk: &Asterisk,
    events: &mut Events,
    index: usize,
    case: &InviteCase,
) -> Result<Disposition> {
    let socket = UdpSocket::bind((case.from, 0)).await?;
    socket.connect(asterisk.setup.sip).await?;
    let here = socket.local_addr()?;
    let InviteCase { dialled, parameters, via, call_id, from_header, headers, .. } = case;
    let there = asterisk.setup.sip;
    let invite = format!(
        "INVITE sip:{dialled}@{there}{parameters} SIP/2.0\r\n\
         Via: SIP/2.0/UDP {here};branch=z9hG4bK{index}{via}\r\n\
         From: {from_header};tag=t{index}\r\nTo: <sip:{dialled}@{there}>\r\n\
         Call-ID: {index}-{call_id}\r\nCSeq: 1 INVITE\r\nContact: <sip:case@{here}>\r\n\
         Max-Forwards: 70\r\n{headers}Content-Length: 0\r\n\r\n"
    );
    socket.send(invite.as_bytes()).await?;
    let answered = async {
        tokio::select! {
            start = next_evidenced_start(events) => {
                let (answer, evidence) = start?;
                ensure!(evidence == case.evidence(), "the evidence is {evidence}");
                Ok(answer)
            }
            status = final_status(&socket) => Ok(Disposition::Refused(status?)),
        }
    };
    tokio::time::timeout(Duration::from_mins(1), answered).await?
}

/// The verdict and number of the next call that comes in.
pub async fn next_start(events: &mut Events) -> Result<Disposition> {
    Ok(next_evidenced_start(events).await?.0)
}

/// The same with its evidence.
async fn next_evidenced_start(events: &mut Events) -> Result<(Disposition, String)> {
    loop {
        let message = events.next().await.context("the WebSocket has ended")??;
        if let Some(answer) = stasis_start(&message)? {
            return Ok(answer);
        }
    }
}

fn stasis_start(message: &Message) -> Result<Option<(Disposition, String)>> {
    let event: Value = serde_json::from_str(message.to_text()?)?;
    if event["type"] != "StasisStart" {
        return Ok(None);
    }
    let argument = |index: usize| event["args"][index].as_str().unwrap_or_default().to_owned();
    // The Call-ID comes without characters that the dialplan could interpret.
    let call_id = argument(2);
    ensure!(!call_id.contains(['(', ')', ',', '"', '|']), "Call-ID {call_id}");
    Ok(Some((Disposition::Stasis(argument(0), argument(1)), argument(3))))
}

async fn final_status(socket: &UdpSocket) -> Result<u16> {
    let mut buffer = vec![0; 4096];
    loop {
        let length = socket.recv(&mut buffer).await?;
        let text = String::from_utf8_lossy(&buffer[..length]);
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
        if let Some(status @ 200..) = status {
            return Ok(status);
        }
    }
}
