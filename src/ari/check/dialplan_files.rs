//! What `extensions.conf` says of calls that nobody holds.

use super::Finding;
use super::conf::Conf;

/// Extensions that hand a call to the application with no `TIMEOUT(absolute)` before it.
pub(super) fn orphans(extensions: &Conf, app: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for section in &extensions.sections {
        let mut extension = String::new();
        let mut is_limited = false;
        for (name, step) in &section.entries {
            if name.eq_ignore_ascii_case("exten") {
                let named = step.split(',').next().unwrap_or_default();
                is_limited &= named == extension;
                named.clone_into(&mut extension);
            } else if !name.eq_ignore_ascii_case("same") {
                continue;
            }
            let limit = step.split_once("TIMEOUT(absolute)=").map(|(_, rest)| rest);
            is_limited = limit.map_or(is_limited, |limit| !limit.starts_with("0)"));
            if !is_limited && hands_over(step, app) {
                let message = format!(
                    "extensions.conf: extension {extension} of [{}] calls Stasis without TIMEOUT(absolute): \
                     a call that no daemon holds any more never ends",
                    section.name
                );
                findings.push(Finding::Wrong(message));
                break;
            }
        }
    }
    findings
}

/// Whether a step is `Stasis` or `StasisBroadcast` for one of the line's applications.
fn hands_over(step: &str, app: &str) -> bool {
    let arguments = step
        .split_once("Stasis(")
        .or_else(|| step.split_once("StasisBroadcast("))
        .map(|(_, arguments)| arguments);
    arguments.is_some_and(|it| {
        let is_ours = it.strip_prefix(app).is_some_and(|rest| rest.starts_with([',', ')']));
        it.contains("${KARIPASS_APP") || it.contains("(KARIPASS_APP") || is_ours
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_without_an_absolute_limit_is_found() {
        assert_eq!(orphans(&Conf::shipped_dialplan(), "karipass"), []);
        for (steps, found) in [
            ("exten => s,1,Stasis(karipass,x)", 1),
            ("exten => s,1,Set(TIMEOUT(absolute)=900)\n same => n,Stasis(karipass,x)", 0),
            ("exten => s,1,Set(TIMEOUT(absolute)=0)\n same => n,Stasis(${KARIPASS_APP},x)", 1),
            ("exten => s,1,Set(TIMEOUT(absolute)=9)\nexten => t,1,Stasis(karipass)", 1),
            ("exten => s,1,Set(TIMEOUT(absolute)=9)\nexten => s,n,Stasis(karipass)", 0),
            ("exten => s,1,TryExec(StasisBroadcast(1,^(${STRREPLACE(KARIPASS_APPS,&,|)})$))", 1),
            ("exten => s,1,Stasis(another,x)", 0),
            ("exten => s,1,Stasis(karipass-ivr,x)", 0),
        ] {
            let conf = Conf::of(&format!("[a]\n{steps}\n"));
            assert_eq!(orphans(&conf, "karipass").len(), found, "{steps}");
        }
    }
}
