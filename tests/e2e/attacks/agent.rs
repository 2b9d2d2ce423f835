//! A SIP user agent over UDP that sends only what a test asks for.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::net::UdpSocket;
use tokio::time::{interval, timeout};

/// Longer than the longest guidance.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);
/// How often a request without any response is sent again (T1 of RFC 3261 §17.1).
const RETRANSMIT_INTERVAL: Duration = Duration::from_millis(500);

/// The header of an SDP body.
pub const SDP: &str = "Content-Type: application/sdp\r\n";

/// A user agent with its own address, at a PBX.
pub struct Agent {
    socket: UdpSocket,
    here: SocketAddr,
    pbx: SocketAddr,
    transactions: u32,
    /// The latest request, until any response to it has arrived.
    unanswered: Option<Message>,
    hung_up: bool,
}

/// A dialog, seen from one end.
#[derive(Debug, Clone)]
pub struct Dialog {
    call_id: String,
    /// From or To with its tag.
    own: String,
    other: String,
    target: String,
    sequence: u32,
}

/// A message that has arrived.
#[derive(Debug, Clone)]
pub struct Message(String);

impl Message {
    /// A header's first value.
    pub fn header(&self, name: &str) -> &str {
        let values = self.0.lines().filter_map(|line| line.split_once(": "));
        values.clone().find(|(it, _)| it.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }

    /// The status of a response.
    pub fn status(&self) -> Option<u16> {
        self.0.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    /// Whether it is a response to `request`.
    fn is_response_to(&self, request: &Self) -> bool {
        self.status().is_some()
            && ["CSeq", "Call-ID"].iter().all(|name| self.header(name) == request.header(name))
    }

    /// Where its SDP has audio.
    fn media(&self) -> Option<SocketAddr> {
        let value = |name: &str| self.0.lines().find_map(|line| line.strip_prefix(name));
        let address = value("c=IN IP4 ")?.parse().ok()?;
        let port = value("m=audio ")?.split(' ').next()?.parse().ok()?;
        Some(SocketAddr::new(address, port))
    }

    fn is_request(&self, method: &str) -> bool {
        self.0.starts_with(&format!("{method} "))
    }

    /// Whether it ends the dialog's latest request of this method.
    fn answers(&self, method: &str, dialog: &Dialog) -> bool {
        self.status().is_some_and(|status| status >= 200)
            && self.header("CSeq") == format!("{} {method}", dialog.sequence)
            && self.header("Call-ID") == dialog.call_id
    }
}

impl Dialog {
    /// The value of a `Replaces` header for this dialog.
    pub fn replaces(&self) -> String {
        let tag = |party: &str| party.rsplit(";tag=").next().unwrap_or_default().to_owned();
        let (own, other) = (tag(&self.own), tag(&self.other));
        format!("{};to-tag={other};from-tag={own}", self.call_id)
    }
}

impl Agent {
    /// A socket on `address`, which the PBX's configuration can name before it starts.
    pub fn socket(address: Ipv4Addr) -> Result<std::net::UdpSocket> {
        let socket = std::net::UdpSocket::bind((address, 0))?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    }

    pub fn new(socket: std::net::UdpSocket, pbx: SocketAddr) -> Result<Self> {
        let here = socket.local_addr()?;
        Ok(Self {
            socket: UdpSocket::from_std(socket)?,
            here,
            pbx,
            transactions: 0,
            unanswered: None,
            hung_up: false,
        })
    }

    /// Begins a call without telephone events: digits go by SIP INFO; `headers` are whole lines.
    pub async fn invite(&mut self, dialled: &str, from: &str, headers: &str) -> Result<Dialog> {
        self.invite_with(dialled, from, headers, &self.own_sdp()).await
    }

    /// The same with this SDP, or without any.
    pub async fn invite_with(
        &mut self,
        dialled: &str,
        from: &str,
        headers: &str,
        body: &str,
    ) -> Result<Dialog> {
        let dialog = Dialog { sequence: 1, ..self.begin(dialled, from) };
        let kind = if body.is_empty() { "" } else { SDP };
        self.send("INVITE", &dialog, &format!("{headers}{kind}"), body).await?;
        Ok(dialog)
    }

    /// A dialog in which nothing has been sent.
    pub fn begin(&mut self, dialled: &str, from: &str) -> Dialog {
        self.transactions += 1;
        Dialog {
            own: format!("<sip:{from}@{}>;tag={}", self.here, self.transactions),
            other: format!("<sip:{dialled}@{}>", self.pbx),
            target: format!("sip:{dialled}@{}", self.pbx),
            call_id: format!("{}-{}", self.transactions, self.here),
            sequence: 0,
        }
    }

    /// Waits until a call is answered, and acknowledges it; returns the answer.
    pub async fn expect_answer(&mut self, dialog: &mut Dialog) -> Result<Message> {
        let answer = self.wait_for_answer(dialog).await?;
        anyhow::ensure!(answer.status() == Some(200), "the call is refused");
        self.acknowledge(dialog, "").await?;
        Ok(answer)
    }

    /// Waits until a call is answered, without sending an ACK. Returns the line's RTP address; none
    /// if the call is refused.
    pub async fn expect_media(&mut self, dialog: &mut Dialog) -> Result<Option<SocketAddr>> {
        let answer = self.wait_for_answer(dialog).await?;
        if answer.status() != Some(200) {
            return Ok(None);
        }
        Ok(Some(answer.media().context("no audio in the answer")?))
    }

    /// Acknowledges an answer that refuses, and no other.
    async fn wait_for_answer(&mut self, dialog: &mut Dialog) -> Result<Message> {
        let answer =
            self.receive("the answer to INVITE", |it| it.answers("INVITE", dialog)).await?;
        answer.header("To").clone_into(&mut dialog.other);
        if answer.status() == Some(200) {
            contact(&answer).clone_into(&mut dialog.target);
        } else {
            self.acknowledge(dialog, "").await?;
        }
        Ok(answer)
    }

    /// Acknowledges the answer to a call, with an SDP or without.
    pub async fn acknowledge(&mut self, dialog: &Dialog, body: &str) -> Result<()> {
        let kind = if body.is_empty() { "" } else { SDP };
        self.send("ACK", dialog, kind, body).await
    }

    /// Sends a request within a dialog and waits for its final status.
    pub async fn request(
        &mut self,
        method: &str,
        dialog: &mut Dialog,
        headers: &str,
        body: &str,
    ) -> Result<u16> {
        dialog.sequence += 1;
        self.send(method, dialog, headers, body).await?;
        let answer = self
            .receive(&format!("the answer to {method}"), |it| it.answers(method, dialog))
            .await?;
        answer.status().context("no status")
    }

    /// Sends a digit by SIP INFO.
    pub async fn key(&mut self, dialog: &mut Dialog, digit: char) -> Result<u16> {
        let kind = "Content-Type: application/dtmf-relay\r\n";
        let body = format!("Signal={digit}\r\nDuration=100\r\n");
        self.request("INFO", dialog, kind, &body).await
    }

    /// Waits until the other side has hung up.
    pub async fn expect_hangup(&mut self) -> Result<()> {
        if !std::mem::take(&mut self.hung_up) {
            let bye = self.receive("BYE", |it| it.is_request("BYE")).await?;
            let to = bye.header("To").to_owned();
            self.respond(&bye, "200 OK", &to, "", "").await?;
        }
        Ok(())
    }

    /// Waits for a call and answers it with `status`; `headers` are whole lines.
    pub async fn take_call(&mut self, status: &str, headers: &str) -> Result<Dialog> {
        let invite = self.receive("INVITE", |it| it.is_request("INVITE")).await?;
        let own = format!("{};tag=taken", invite.header("To"));
        let dialog = Dialog {
            call_id: invite.header("Call-ID").to_owned(),
            own: own.clone(),
            other: invite.header("From").to_owned(),
            target: contact(&invite).to_owned(),
            sequence: 0,
        };
        let body = if status.starts_with('2') { self.own_sdp() } else { String::new() };
        let kind = if body.is_empty() { "" } else { SDP };
        let contact = format!("Contact: <sip:agent@{}>\r\n", self.here);
        let contact = if headers.contains("Contact") { "" } else { &contact };
        self.respond(&invite, status, &own, &format!("{contact}{headers}{kind}"), &body).await?;
        self.receive("ACK", |it| it.is_request("ACK")).await?;
        Ok(dialog)
    }

    /// Waits for this message; answers requests meanwhile with 200.
    async fn receive(&mut self, what: &str, is_it: impl Fn(&Message) -> bool) -> Result<Message> {
        let here = self.here;
        let found = async {
            let mut buffer = vec![0; 16 * 1024];
            let mut retransmit = interval(RETRANSMIT_INTERVAL);
            retransmit.tick().await;
            loop {
                let length = tokio::select! {
                    received = self.socket.recv_from(&mut buffer) => received?.0,
                    _ = retransmit.tick() => {
                        if let Some(request) = &self.unanswered {
                            self.socket.send_to(request.0.as_bytes(), self.pbx).await?;
                        }
                        continue;
                    }
                };
                let bytes = buffer.get(..length).unwrap_or_default();
                let message = Message(String::from_utf8_lossy(bytes).into_owned());
                self.unanswered.take_if(|request| message.is_response_to(request));
                if is_it(&message) {
                    return Ok(message);
                }
                self.hung_up |= message.is_request("BYE");
                if message.status().is_none() && !message.is_request("ACK") {
                    let to = message.header("To").to_owned();
                    self.respond(&message, "200 OK", &to, "", "").await?;
                }
            }
        };
        let found = timeout(ANSWER_TIMEOUT, found).await;
        found.with_context(|| format!("{what} did not come to {here}"))?
    }

    async fn send(
        &mut self,
        method: &str,
        dialog: &Dialog,
        headers: &str,
        body: &str,
    ) -> Result<()> {
        self.transactions += 1;
        let Self { here, transactions, .. } = self;
        let Dialog { call_id, own, other, target, sequence } = dialog;
        let length = body.len();
        let branch = format!("z9hG4bK{}-{}-{transactions}", here.ip(), here.port());
        let text = format!(
            "{method} {target} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {here};branch={branch}\r\n\
             From: {own}\r\nTo: {other}\r\nCall-ID: {call_id}\r\nCSeq: {sequence} {method}\r\n\
             Contact: <sip:agent@{here}>\r\nMax-Forwards: 70\r\n\
             {headers}Content-Length: {length}\r\n\r\n{body}"
        );
        self.socket.send_to(text.as_bytes(), self.pbx).await?;
        self.unanswered = (method != "ACK").then_some(Message(text));
        Ok(())
    }

    async fn respond(
        &self,
        to: &Message,
        status: &str,
        own: &str,
        headers: &str,
        body: &str,
    ) -> Result<()> {
        let vias = to.0.lines().filter(|line| line.starts_with("Via: "));
        let vias: String = vias.flat_map(|line| [line, "\r\n"]).collect();
        let text = format!(
            "SIP/2.0 {status}\r\n{vias}From: {}\r\nTo: {own}\r\nCall-ID: {}\r\nCSeq: {}\r\n\
             {headers}Content-Length: {}\r\n\r\n{body}",
            to.header("From"),
            to.header("Call-ID"),
            to.header("CSeq"),
            body.len(),
        );
        self.socket.send_to(text.as_bytes(), self.pbx).await?;
        Ok(())
    }

    /// Media that nobody listens to, without telephone events.
    fn own_sdp(&self) -> String {
        let address = self.here.ip();
        format!(
            "v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n\
             m=audio 40000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
        )
    }
}

/// Audio with telephone events at this address.
pub fn sdp(media: SocketAddr) -> String {
    let (address, port) = (media.ip(), media.port());
    format!(
        "v=0\r\no=- {port} 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
    )
}

fn contact(message: &Message) -> &str {
    let contact = message.header("Contact");
    let inside = contact.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inside.map_or(contact, |(uri, _)| uri)
}
