//! What SIPp does: a scenario file, generated for each kind of caller.
//!
//! Every call ends in one of three ways: hung up by us on cue, hung up by the other side, refused.
//! SIPp reports each over its third-party control socket and takes cues (`Cue: hang-up`, `Digit:
//! 5`) from there. `[field0]` is the caller's number as written.

use super::handset::EVENT_PAYLOAD;
use super::sipp::{Keying, Line};
use crate::asterisk::Phone;

const DIALOG: &str =
    "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-[call_number]-{branch}
From: <sip:{from}@[local_ip]:[local_port]>;tag=[pid]c[call_number]
To: <sip:{called}@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
Max-Forwards: 70
Contact: <sip:line@[local_ip]:[local_port];transport=[transport]>
";

/// The request URI of a call's INVITE.
const CALLED: &str = "sip:{called}@[remote_ip]:[remote_port]";

const REFUSALS: [u16; 10] = [400, 401, 403, 404, 408, 480, 484, 486, 488, 503];

/// A call: INVITE, then cues until somebody hangs up.
pub(super) fn call(line: &Line, telephone: Option<&Phone>, media: u16) -> String {
    let from = telephone.map_or("0000000000", |phone| &phone.number);
    let dialog = DIALOG.replace("{from}", from).replace("{called}", &line.number);
    let mut xml =
        String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<scenario name=\"call\">\n");
    xml += &invite(line, &dialog, "1", "");
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
            <ereg regexp=\"m=audio ([0-9]+)\" search_in=\"body\" check_it=\"true\" assign_to=\"whole,port\"/>\
            </action></recv>\n";
    xml += &send("ACK", sequence, &dialog, "[next_url]", "", "");
    xml += &report("answered [$port]", "listen");
    xml += &cues(&dialog);
    xml += &endings(sequence, &dialog);
    xml.replace("{called}", &line.number).replace("{media}", &media.to_string())
}

/// A registration, whose success is SIPp's exit status.
pub(super) fn register(number: &str) -> String {
    let dialog = DIALOG.replace("{from}", number).replace("{called}", number);
    let to = "sip:[remote_ip]:[remote_port]";
    let mut xml =
        String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<scenario name=\"register\">\n");
    xml += &send("REGISTER", "1", &dialog, to, "Expires: 300\n", "");
    xml += "<recv response=\"401\" auth=\"true\"/>\n";
    xml += &send("REGISTER", "2", &dialog, to, "Expires: 300\n[authentication]\n", "");
    xml + "<recv response=\"200\"/>\n</scenario>\n"
}

fn invite(line: &Line, dialog: &str, sequence: &str, proof: &str) -> String {
    let (kinds, events) = match line.keying {
        Keying::Events | Keying::Both => {
            let events = format!(
                "a=rtpmap:{EVENT_PAYLOAD} telephone-event/8000\na=fmtp:{EVENT_PAYLOAD} 0-15\n"
            );
            (format!("0 {EVENT_PAYLOAD}"), events)
        }
        Keying::Info | Keying::Tones => ("0".to_owned(), String::new()),
    };
    let fax = if line.offers_fax { "m=image 9 udptl t38\na=T38FaxVersion:0\n" } else { "" };
    let sdp = format!(
        "v=0\no=subscriber 1 1 IN IP4 [local_ip]\ns=-\nc=IN IP4 [local_ip]\nt=0 0\n\
         m=audio {{media}} RTP/AVP {kinds}\na=rtpmap:0 PCMU/8000\n{events}a=ptime:20\n{fax}"
    );
    let headers = format!(
        "P-Asserted-Identity: <sip:[field0]@carrier.example>\n{proof}Content-Type: application/sdp\n"
    );
    send("INVITE", sequence, dialog, CALLED, &headers, &sdp)
}

fn cues(dialog: &str) -> String {
    let info = "Content-Type: application/dtmf-relay\n";
    let info =
        send("INFO", "[cseq]", dialog, "[next_url]", info, "Signal=[$digit]\nDuration=250\n");
    format!(
        "<label id=\"listen\"/>\n<recv request=\"BYE\" optional=\"true\" next=\"ended\"/>\n\
         <recvCmd><action>\
         <ereg regexp=\"Cue: hang-up\" search_in=\"msg\" assign_to=\"hangup\"/>\
         <ereg regexp=\"Digit: (.)\" search_in=\"msg\" assign_to=\"cue,digit\"/>\
         <ereg regexp=\"Media: ([a-z]+)\" search_in=\"msg\" assign_to=\"media,direction\"/>\
         </action></recvCmd>\n<nop next=\"hangup\" test=\"hangup\"/>\n\
         <nop next=\"media\" test=\"media\"/>\n{info}\
         <recv request=\"BYE\" optional=\"true\" next=\"ended\"/>\n<recv response=\"200\"/>\n{}",
        report("informed", "listen"),
    ) + media(dialog).as_str()
}

/// A re-INVITE that says in which directions the audio goes.
fn media(dialog: &str) -> String {
    let sdp = format!(
        "v=0\no=subscriber 1 [cseq] IN IP4 [local_ip]\ns=-\nc=IN IP4 [local_ip]\nt=0 0\n\
         m=audio {{media}} RTP/AVP 0 {EVENT_PAYLOAD}\na=rtpmap:0 PCMU/8000\n\
         a=rtpmap:{EVENT_PAYLOAD} telephone-event/8000\na=[$direction]\n"
    );
    let headers = "Content-Type: application/sdp\n";
    let invite = send("INVITE", "[cseq]", dialog, "[next_url]", headers, &sdp);
    let ack = send("ACK", "[cseq]", dialog, "[next_url]", "", "");
    format!(
        "<label id=\"media\"/>\n{invite}<recv response=\"100\" optional=\"true\"/>\n\
         <recv request=\"BYE\" optional=\"true\" next=\"ended\"/>\n<recv response=\"200\"/>\n{ack}{}",
        report("informed", "listen")
    )
}

fn endings(sequence: &str, dialog: &str) -> String {
    let bye = send("BYE", "[cseq]", dialog, "[next_url]", "", "");
    let ok = "<send><![CDATA[\nSIP/2.0 200 OK\n[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n\
              [last_CSeq:]\nContent-Length: 0\n\n]]></send>\n";
    let refused = send("ACK", sequence, dialog, CALLED, "", "");
    format!(
        "<label id=\"hangup\"/>\n{bye}<recv request=\"BYE\" optional=\"true\" next=\"ended\"/>\n\
         <recv response=\"200\"/>\n{}<label id=\"ended\"/>\n{ok}{}\
         <label id=\"refused\"/>\n{refused}{}<Reference variables=\"whole,cue,direction\"/>\n\
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
    let branch = match (method, to) {
        ("ACK", "[next_url]") => format!("{sequence}-ack"),
        _ => format!("{sequence}-request"),
    };
    let mut dialog = dialog.replace("{branch}", &branch);
    if method == "INVITE" && to != "[next_url]" {
        // After a challenge there is a tag of the other side's to remember, but no dialog yet.
        dialog = dialog.replace("[peer_tag_param]", "");
    }
    format!(
        "<send{repeated}><![CDATA[\n{method} {to} SIP/2.0\n{dialog}CSeq: {sequence} {method}\n\
         {headers}Content-Length: [len]\n\n{body}]]></send>\n"
    )
}
