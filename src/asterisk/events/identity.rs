//! What the dialplan says of a caller (`P1`, `P2`).

use std::borrow::Cow;

use strum::{EnumString, IntoStaticStr};

use domain::phone_number::PhoneNumber;

/// Where to find the caller's identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentitySource {
    /// The event holds it.
    InEvent(CallerIdentity),
    /// A channel variable holds it, because `StasisBroadcast` passes no arguments.
    ChannelVariable,
}

/// What the dialplan says of a caller (`P1`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallerIdentity {
    /// The caller's number. There is none if it is withheld or not trusted (`P2`).
    pub number: Option<PhoneNumber>,
    /// How the dialplan has judged it.
    pub verdict: CallerVerdict,
    /// What it has judged; none from a dialplan that does not say it.
    pub evidence: Option<Evidence>,
    /// The `Call-ID` of the INVITE, by which the call is found in a SIP trace.
    pub sip_call_id: Option<String>,
}

/// How the dialplan judges a caller's number (`P1`, `P2`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum CallerVerdict {
    /// It vouches for the number.
    Trusted,
    /// The caller withholds it.
    Withheld,
    /// It does not know whose number it is.
    #[default]
    Untrusted,
}

impl CallerVerdict {
    /// Its name in the dialplan and in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What the dialplan takes the caller's number from: the entry of `karipass-line`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Evidence {
    /// `P-Asserted-Identity` of a trunk.
    Asserted,
    /// `From` of a trunk whose carrier vouches for it.
    Vouched,
    /// The fixed identity of a registered telephone.
    Phone,
}

impl Evidence {
    /// Its name in the dialplan and in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The identity in the arguments of `Stasis()`: verdict, number, SIP Call-ID, evidence. A dialplan
/// may leave the last two out.
pub(super) fn from_arguments(args: &[Cow<'_, str>]) -> IdentitySource {
    match args {
        [] => IdentitySource::ChannelVariable,
        [verdict, number, rest @ ..] if rest.len() <= 2 => {
            let [sip_call_id, evidence] =
                [0, 1].map(|index| rest.get(index).map_or("", Cow::as_ref));
            let evidence = evidence.parse().ok();
            IdentitySource::InEvent(caller_identity(verdict, number, sip_call_id, evidence))
        }
        _ => IdentitySource::InEvent(CallerIdentity::default()),
    }
}

/// The identity in `verdict/number/channel/evidence/SIP-Call-ID`, where an older dialplan leaves
/// the evidence out. If the text names another channel, it was inherited or copied, and there is
/// none.
pub(in crate::asterisk) fn parse_identity(channel: &str, text: &str) -> CallerIdentity {
    let mut parts = text.splitn(4, '/');
    match [parts.next(), parts.next(), parts.next()] {
        [Some(verdict), Some(number), Some(written_on)] if written_on == channel => {
            let rest = parts.next().unwrap_or_default();
            let (first, sip_call_id) = rest.split_once('/').unwrap_or((rest, ""));
            match first.parse() {
                Ok(evidence) => caller_identity(verdict, number, sip_call_id, Some(evidence)),
                Err(_) => caller_identity(verdict, number, rest, None),
            }
        }
        _ => CallerIdentity::default(),
    }
}

/// A caller has a number only if the dialplan says `trusted` and it is one (`P1`, `P2`).
fn caller_identity(
    verdict: &str,
    number: &str,
    sip_call_id: &str,
    evidence: Option<Evidence>,
) -> CallerIdentity {
    let verdict = verdict.parse().unwrap_or_default();
    CallerIdentity {
        number: if verdict == CallerVerdict::Trusted { number.parse().ok() } else { None },
        verdict,
        evidence,
        sip_call_id: (!sip_call_id.is_empty()).then(|| sip_call_id.to_owned()),
    }
}
