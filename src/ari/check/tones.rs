//! Endpoints of `pjsip.conf` whose digits are heard in one way alone.

use super::Finding;
use super::conf::Conf;
use super::doors::Doors;
use super::files::is_of;

/// The mode in which digits are heard as RFC 4733 where it is offered, and as tones otherwise.
const AUTO: &str = "auto";

/// Judges every endpoint whose context leads to the line.
pub(super) fn judge(pjsip: &Conf, doors: &Doors) -> Vec<Finding> {
    let endpoints = pjsip.sections.iter().filter(|section| is_of(section, "endpoint"));
    let mine = endpoints.filter(|endpoint| {
        let context = endpoint.value("context").unwrap_or("default");
        doors.get(context).is_some_and(|doors| !doors.is_empty())
    });
    mine.filter(|endpoint| {
        !endpoint.value("dtmf_mode").is_some_and(|mode| mode.eq_ignore_ascii_case(AUTO))
    })
    .map(|endpoint| {
        Finding::Doubtful(format!(
            "pjsip.conf: endpoint {} has no dtmf_mode = auto: callers that offer no RFC 4733 key in vain",
            endpoint.name
        ))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::doors::Door;
    use super::*;

    #[test]
    fn an_endpoint_of_the_line_that_hears_digits_in_one_way_is_found() {
        let doors = Doors::from([("line".to_owned(), BTreeSet::from([Door::Asserted]))]);
        let found = |mode: &str| {
            let endpoint = "type = endpoint\ncontext = line";
            judge(&Conf::of(&format!("[one]\n{endpoint}\n{mode}\n[two]\ntype = endpoint")), &doors)
        };
        assert_eq!(found("dtmf_mode = auto"), []);
        for mode in ["", "dtmf_mode = rfc4733", "dtmf_mode = auto_info", "dtmf_mode = info"] {
            assert!(matches!(found(mode)[..], [Finding::Doubtful(_)]), "{mode}");
        }
    }
}
