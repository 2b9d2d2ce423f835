//! Who may call, which unit, which number: `P2` to `P6` and `P14`.

use super::phone::PhoneModel;
use super::surroundings::{ADDITIONAL, CONTRACT, WITHOUT_SERVICE, World};
use std::time::Duration;

use crate::auth_unit::AuthUnit;
use crate::contract::Contract;
use crate::dialog::{LookupResult, Outcome, Refusal};

fn calls_from(caller: &'static str, unit: Option<AuthUnit>) -> PhoneModel {
    PhoneModel::calls(World { caller: Some(caller), unit, ..World::default() })
}

#[test]
fn p2_a_caller_who_is_not_served_hears_not_available_and_nothing_else() {
    let nobody: fn(Contract) -> LookupResult = |_| LookupResult::Unknown;
    let suspended: fn(Contract) -> LookupResult =
        |contract| LookupResult::Found(Box::new(Contract { suspended: true, ..contract }));
    let without_service: fn(Contract) -> LookupResult = |mut contract| {
        contract.lines.iter_mut().for_each(|row| row.has_service = false);
        LookupResult::Found(Box::new(contract))
    };
    let worlds = [
        World { caller: None, ..World::default() },
        World { finds: nobody, ..World::default() },
        World { finds: suspended, ..World::default() },
        World { finds: without_service, ..World::default() },
    ];
    for world in worlds {
        let mut phone = PhoneModel::calls(world);
        phone.keys("1");
        phone.wait_for_the_end();
        assert_eq!(phone.heard(), "not-available");
        assert_eq!(phone.outcome(), Some(Outcome::NotAvailable));
        assert_eq!(phone.refused, [Refusal::NotAvailable]);
        assert_eq!(phone.stored(), "");
    }
}

#[test]
fn p2_a_call_rings_until_its_caller_is_looked_up_and_a_withheld_number_is_not_looked_up() {
    let mut phone =
        PhoneModel::calls(World { finds_in: Some(Duration::from_secs(4)), ..World::default() });
    phone.keys("1");
    assert_eq!(phone.outputs, ["LookUpContract(031230****)"]);
    phone.wait(Duration::from_secs(4));
    assert_eq!(
        phone.outputs[1..],
        ["Answer", "Play(PlaybackId(1), [LeadIn, Menu])", "Play(PlaybackId(2), [Silence(2)])"]
    );
    let phone = PhoneModel::calls(World { caller: None, ..World::default() });
    assert_eq!(
        phone.outputs,
        [
            "Answer",
            "Play(PlaybackId(1), [LeadIn, NotAvailable])",
            "Play(PlaybackId(2), [Pause, NotAvailable, Silence(1)])",
            "Audit(NotAvailable)"
        ]
    );
}

#[test]
fn p2_an_additional_number_without_service_is_served_for_the_others() {
    let mut phone = calls_from(WITHOUT_SERVICE, None);
    phone.keys("2");
    phone.listen();
    phone.keys(ADDITIONAL);
    phone.keys("#4567891045678910");
    phone.wait_for_the_end();
    assert_eq!(phone.stored(), "number 0312301231 45678910");
}

#[test]
fn p3_anything_but_a_unit_is_a_wrong_entry() {
    for wrong in ["0", "4", "9", "*", "#", "A"] {
        let mut phone = calls_from(CONTRACT, None);
        phone.keys(wrong);
        phone.listen();
        assert_eq!(phone.heard(), "menu… invalid", "{wrong}");
        phone.keys("1");
        phone.listen();
        assert_eq!(phone.heard(), "menu… invalid set-password(0312301230)", "{wrong}");
    }
}

#[test]
fn p4_the_line_unit_is_the_contract_numbers_for_every_caller() {
    for caller in [CONTRACT, ADDITIONAL, WITHOUT_SERVICE] {
        let mut phone = calls_from(caller, None);
        phone.listen();
        phone.keys("1");
        phone.listen();
        phone.keys("45678910");
        phone.listen();
        phone.keys("45678910");
        phone.wait_for_the_end();
        assert_eq!(
            phone.heard(),
            "menu set-password(0312301230) confirm-password completed(0312301230)"
        );
        assert_eq!(phone.stored(), "line 0312301230 45678910");
        assert_eq!(phone.outcome(), Some(Outcome::Stored));
    }
}

#[test]
fn p5_the_number_unit_takes_a_service_number_of_the_contract() {
    for (caller, login_number) in
        [(CONTRACT, ADDITIONAL), (CONTRACT, CONTRACT), (ADDITIONAL, CONTRACT)]
    {
        let mut phone = calls_from(caller, None);
        phone.keys("2");
        phone.listen();
        phone.keys(login_number);
        phone.keys("#4567891045678910");
        phone.wait_for_the_end();
        assert_eq!(phone.stored(), format!("number {login_number} 45678910"));
        assert!(phone.heard().starts_with("menu… enter-number set-password"));
    }
}

#[test]
fn p5_any_other_number_is_a_wrong_entry() {
    any_other_number_is_a_wrong_entry("2");
}

#[test]
fn p6_any_other_number_is_a_wrong_entry_for_the_administrator_too() {
    any_other_number_is_a_wrong_entry("3");
}

fn any_other_number_is_a_wrong_entry(unit: &str) {
    for wrong in
        ["0312301232#", "0664806430#", "031230123#", "03123012301234#", "03*12301230#", "#"]
    {
        let mut phone = calls_from(CONTRACT, None);
        phone.keys(unit);
        phone.keys(wrong);
        phone.listen();
        assert!(phone.heard().ends_with(" invalid"), "{wrong}: {}", phone.heard());
        phone.keys("0312301231#");
        phone.listen();
        assert!(phone.heard().ends_with(" set-password(0312301231)"), "{wrong}");
    }
}

#[test]
fn p5_a_contract_number_without_service_is_refused() {
    let without: fn(Contract) -> LookupResult = |mut contract| {
        contract.lines[0].has_service = false;
        LookupResult::Found(Box::new(contract))
    };
    let mut phone = PhoneModel::calls(World { finds: without, ..World::default() });
    phone.keys("2");
    phone.keys(CONTRACT);
    phone.keys("#");
    phone.listen();
    assert!(phone.heard().ends_with(" invalid"));
}

#[test]
fn p6_the_administrator_may_also_name_the_contract_number_without_service() {
    let without: fn(Contract) -> LookupResult = |mut contract| {
        contract.lines[0].has_service = false;
        LookupResult::Found(Box::new(contract))
    };
    for login_number in [CONTRACT, ADDITIONAL] {
        let mut phone = PhoneModel::calls(World { finds: without, ..World::default() });
        phone.keys("3");
        phone.listen();
        phone.keys(login_number);
        phone.keys("#4567891045678910");
        phone.wait_for_the_end();
        assert_eq!(phone.stored(), format!("admin_user {login_number} 45678910"));
        assert!(phone.heard().starts_with("menu… enter-number set-password"));
    }
}

#[test]
fn p6_a_user_sets_their_own_with_the_other_wording() {
    for unit in [None, Some(AuthUnit::AdminUser)] {
        let mut phone = calls_from(ADDITIONAL, unit);
        phone.keys("3");
        phone.listen();
        phone.keys("45678910");
        phone.listen();
        phone.keys("45678911");
        phone.listen();
        phone.keys("45678910");
        phone.keys("45678910");
        phone.wait_for_the_end();
        assert_eq!(
            phone.heard(),
            "menu… register-password(0312301231) confirm-password \
             invalid register-password(0312301231) confirm-password… completed(0312301231)"
        );
        assert_eq!(phone.stored(), "admin_user 0312301231 45678910");
    }
}

#[test]
fn p6_a_user_without_service_hears_not_available() {
    let mut phone = calls_from(WITHOUT_SERVICE, Some(AuthUnit::AdminUser));
    phone.keys("3");
    phone.wait_for_the_end();
    assert_eq!(phone.heard(), "menu… not-available");
    assert_eq!(phone.refused, [Refusal::NotAvailable]);
}

#[test]
fn p14_an_additional_number_chooses_no_other_unit_than_the_one_in_force() {
    for (unit, in_force) in
        [(AuthUnit::Line, "1"), (AuthUnit::Number, "2"), (AuthUnit::AdminUser, "3")]
    {
        for key in ["1", "2", "3"] {
            let mut phone = calls_from(ADDITIONAL, Some(unit));
            phone.keys(key);
            phone.listen();
            assert_eq!(phone.heard() == "menu… invalid", key != in_force, "{unit}: {key}");
        }
    }
}

#[test]
fn p14_the_contract_number_chooses_any_unit() {
    for unit in [AuthUnit::Line, AuthUnit::Number, AuthUnit::AdminUser] {
        for key in ["1", "2", "3"] {
            let mut phone = calls_from(CONTRACT, Some(unit));
            phone.keys(key);
            phone.listen();
            assert!(!phone.heard().contains("invalid"), "{unit}: {key}");
        }
    }
}
