//! The scenario files of SIPp, generated for each kind of caller.
//!
//! Every call ends in one of three ways: hung up by us on cue, hung up by the other side, refused.
//! SIPp reports each over its third-party control socket and takes cues (`Cue: hang-up`, `Digit:
//! 5`) from there. `[field0]` is the caller's number as written.

use super::rtp::EVENT_PAYLOAD;
use super::sipp::{Keying, Line};
use crate::asterisk::Phone;

const BEGIN: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<scenario name=\"lab\">\n";

const DIALOG: &str =
    "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-[call_number]-{branch}
From: <sip:{from}@[local_ip]:[local_port]>;tag=[pid]c[call_number]
To: <sip:{called}@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
Max-Forwards: 70
Contact: <sip:line@[local_ip]:[local_port];transport=[transport]>
";

/// The request URI of a call's INVITE, and of what is sent within the call.
const CALLED: &str = "sip:{called}@[remote_ip]:[remote_port]";
const PEER: &str = "[next_url]";

const SDP: &str = "Content-Type: application/sdp\n";
/// The other side may hang up in place of what is awaited next.
const OR_ENDED: &str = "<recv request=\"BYE\" optional=\"true\" next=\"ended\"/>\n";

const REFUSALS: [u16; 10] = [400, 401, 403, 404, 408, 480, 484, 486, 488, 503];

/// A call: INVITE, then cues until either side hangs up.
pub(super) fn call(line: &Line, telephone: Option<&Phone>, media: u16) -> String {
    let from = match telephone {
        _ if line.is_anonymous => "anonymous",
        Some(phone) => &phone.number,
        None => "0000000000",
    };
    let dialog = DIALOG.replace("{from}", from);
    let mut xml = BEGIN.to_owned() + &invite(line, &dialog, "1", "");
    let sequence = if telephone.is_some() {
        xml += "<recv response=\"401\" auth=\"true\"/>\n";
        xml += &send("ACK", "1", &dialog, CALLED, "", "");
        xml += &invite(line, &dialog, "2", "[authentication]\n");
        "2"
    } else {
        "1"
    };
    let passed = |status| format!("<recv response=\"{status}\" optional=\"true\"/>\n");
    let refused =
        |status| format!("<recv response=\"{status}\" optional=\"true\" next=\"refused\"/>\n");
    xml.extend([100, 180, 183].map(passed));
    xml.extend(REFUSALS.map(refused));
    xml += "<recv response=\"200\" rrs=\"true\"><action>\
            <ereg regexp=\"c=IN IP4 ([0-9.]+)\" search_in=\"body\" check_it=\"true\" assign_to=\"whole,host\"/>\
            <ereg regexp=\"m=audio ([0-9]+)\" search_in=\"body\" check_it=\"true\" assign_to=\"whole,port\"/>\
            </action></recv>\n";
    xml += &send("ACK", sequence, &dialog, PEER, "", "");
    xml += &report("answered [$host]:[$port]", "listen");
    xml += &cues(&dialog);
    xml += &endings(sequence, &dialog);
    xml.replace("{called}", &line.number).replace("{media}", &media.to_string())
}

/// A registration, whose success is SIPp's exit status.
pub(super) fn register(number: &str) -> String {
    let dialog = DIALOG.replace("{from}", number).replace("{called}", number);
    let register = |sequence, headers| {
        send("REGISTER", sequence, &dialog, "sip:[remote_ip]:[remote_port]", headers, "")
    };
    BEGIN.to_owned()
        + &register("1", "Expires: 300\n")
        + "<recv response=\"401\" auth=\"true\"/>\n"
        + &register("2", "Expires: 300\n[authentication]\n")
        + "<recv response=\"200\"/>\n</scenario>\n"
}

fn invite(line: &Line, dialog: &str, sequence: &str, proof: &str) -> String {
    let offers_events = !matches!(line.keying, Keying::Info | Keying::Tones);
    let privacy = if line.is_anonymous { "Privacy: id\n" } else { "" };
    let fax = if line.offers_fax { "m=image 9 udptl t38\na=T38FaxVersion:0\n" } else { "" };
    let sdp = sdp("1", offers_events, &format!("a=ptime:20\n{fax}"));
    let headers =
        format!("P-Asserted-Identity: <sip:[field0]@carrier.example>\n{privacy}{proof}{SDP}");
    send("INVITE", sequence, dialog, CALLED, &headers, &sdp)
}

/// An offer of audio in this version, with further attributes.
fn sdp(version: &str, offers_events: bool, attributes: &str) -> String {
    let (kind, events) = if offers_events {
        let map = format!("a=rtpmap:{EVENT_PAYLOAD} telephone-event/8000\n");
        (format!(" {EVENT_PAYLOAD}"), format!("{map}a=fmtp:{EVENT_PAYLOAD} 0-15\n"))
    } else {
        (String::new(), String::new())
    };
    format!(
        "v=0\no=subscriber 1 {version} IN IP4 [local_ip]\ns=-\nc=IN IP4 [local_ip]\nt=0 0\n\
         m=audio {{media}} RTP/AVP 0{kind}\na=rtpmap:0 PCMU/8000\n{events}{attributes}"
    )
}

fn cues(dialog: &str) -> String {
    let digit = "Signal=[$digit]\nDuration=250\n";
    let info =
        send("INFO", "[cseq]", dialog, PEER, "Content-Type: application/dtmf-relay\n", digit);
    // In which directions the audio goes from now on.
    let sdp = sdp("[cseq]", true, "a=[$direction]\n");
    let invite = send("INVITE", "[cseq]", dialog, PEER, SDP, &sdp);
    let ack = send("ACK", "[cseq]", dialog, PEER, "", "");
    let informed = report("informed", "listen");
    format!(
        "<label id=\"listen\"/>\n{OR_ENDED}<recvCmd><action>\
         <ereg regexp=\"Cue: hang-up\" search_in=\"msg\" assign_to=\"hangup\"/>\
         <ereg regexp=\"Digit: (.)\" search_in=\"msg\" assign_to=\"cue,digit\"/>\
         <ereg regexp=\"Media: ([a-z]+)\" search_in=\"msg\" assign_to=\"media,direction\"/>\
         </action></recvCmd>\n<nop next=\"hangup\" test=\"hangup\"/>\n\
         <nop next=\"media\" test=\"media\"/>\n\
         {info}{OR_ENDED}<recv response=\"200\"/>\n{informed}\
         <label id=\"media\"/>\n{invite}<recv response=\"100\" optional=\"true\"/>\n\
         {OR_ENDED}<recv response=\"200\"/>\n{ack}{informed}"
    )
}

fn endings(sequence: &str, dialog: &str) -> String {
    let bye = send("BYE", "[cseq]", dialog, PEER, "", "");
    let ok = "<send><![CDATA[\nSIP/2.0 200 OK\n[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n\
              [last_CSeq:]\nContent-Length: 0\n\n]]></send>\n";
    let refused = send("ACK", sequence, dialog, CALLED, "", "");
    format!(
        "<label id=\"hangup\"/>\n{bye}{OR_ENDED}<recv response=\"200\"/>\n{}\
         <label id=\"ended\"/>\n{ok}{}<label id=\"refused\"/>\n{refused}{}\
         <Reference variables=\"whole,cue,direction\"/>\n\
         <label id=\"over\"/>\n<nop/>\n</scenario>\n",
        report("hung-up", "over"),
        report("ended", "over"),
        report("refused", "over"),
    )
}

/// A message to our end of the control socket.
fn report(event: &str, next: &str) -> String {
    format!(
        "<sendCmd next=\"{next}\"><![CDATA[\nCall-ID: [call_id]\nEvent: {event}\n]]></sendCmd>\n"
    )
}

fn send(method: &str, sequence: &str, dialog: &str, to: &str, headers: &str, body: &str) -> String {
    let repeated = if method == "ACK" { "" } else { " retrans=\"500\"" };
    // The ACK of a refusal belongs to the INVITE's transaction, that of a 200 does not (RFC 3261
    // §17.1.1.3).
    let branch = if (method, to) == ("ACK", PEER) { "ack" } else { "request" };
    let mut dialog = dialog.replace("{branch}", &format!("{sequence}-{branch}"));
    if method == "INVITE" && to != PEER {
        // After a challenge there is a tag of the other side to remember, but no dialog yet.
        dialog = dialog.replace("[peer_tag_param]", "");
    }
    // The line is left out where no proxy has recorded a route.
    let routes = if to == PEER { "[routes]\n" } else { "" };
    format!(
        "<send{repeated}><![CDATA[\n{method} {to} SIP/2.0\n{dialog}CSeq: {sequence} {method}\n\
         {routes}{headers}Content-Length: [len]\n\n{body}]]></send>\n"
    )
}
