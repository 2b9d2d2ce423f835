//! Loading contracts (`D1`).

use domain::policy::temporary_password::SetOutcome;
use std::fmt::Write as _;
use std::fs::File;
use std::path::Path;
use std::process::Stdio;

use domain::auth_unit::AuthUnit;
use karipass_lab::child::Child;

use super::scene::{CONTRACT, DatabaseScene, FILE, FIRST, OTHER, PLAIN, SECOND, number, temporary};
use crate::support::{KARIPASS, Ran, WAIT_TIMEOUT, karipass, wait_until};
use crate::temporary_password::SetTemporary as _;

#[tokio::test(flavor = "multi_thread")]
async fn d1_a_file_is_loaded_and_loading_it_again_changes_nothing() {
    let scene = DatabaseScene::new().await;
    scene.owner.batch_execute("DELETE FROM contract").await.unwrap();
    counts(&import(&scene, FILE, &[]), 5, 0, 0, 0);
    assert_eq!(scene.audit().await, ["operator contracts_imported done"]);
    scene.set(CONTRACT, AuthUnit::Line, CONTRACT).await;
    scene.open_session(CONTRACT).await;
    let before = (scene.everything().await, scene.audit().await);
    counts(&import(&scene, FILE, &[]), 0, 0, 5, 0);
    counts(&import(&scene, FILE, &["--replace"]), 0, 0, 5, 0);
    let json = import(&scene, FILE, &["--json"]);
    assert_eq!(
        json.out,
        "{\"added\":0,\"changed\":0,\"unchanged\":5,\"removed\":0,\"other_customers\":0}\n"
    );
    assert_eq!((scene.everything().await, scene.audit().await), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn d1_a_bad_file_loads_nothing_and_every_bad_row_is_named() {
    let scene = DatabaseScene::new().await;
    let before = scene.everything().await;
    let file = format!("{FILE}0812345600,0812345600,yes\n0812345600,812345601,maybe\n0812345600\n");
    let ran = import(&scene, &file, &["--replace"]);
    assert_eq!((ran.status, ran.out.as_str()), (1, ""));
    assert_eq!(
        ran.err,
        "FILE:8: number is not a national telephone number of 10 or 11 digits with a leading 0
FILE:8: service is neither yes nor no
FILE:9: 1 columns instead of 3
nothing was imported
"
    );
    assert_eq!(scene.everything().await, before);
    assert!(scene.audit().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn d1_a_number_that_moves_loses_credential_and_sessions() {
    let scene = DatabaseScene::new().await;
    for login_number in [FIRST, SECOND] {
        scene.set(CONTRACT, AuthUnit::Number, login_number).await;
        scene.open_session(login_number).await;
    }
    let file = with("0612345600,0612345601,yes", "0712345600,0612345601,yes");
    counts(&import(&scene, &file, &[]), 0, 1, 4, 0);
    assert_eq!(scene.logins().await, [SECOND]);
    assert_eq!(scene.sessions().await, [SECOND]);
    let contract = scene.db.contract_of(number(FIRST)).await.unwrap().unwrap();
    assert_eq!(contract.number, number(OTHER));
    assert_eq!(
        scene.audit().await.split_off(3),
        [
            format!("operator voided number_moved {FIRST}"),
            "operator contracts_imported done".into()
        ]
    );
    let versions = "SELECT number || ' ' || version FROM contract ORDER BY 1";
    assert_eq!(scene.column(versions).await, ["0612345600 3", "0712345600 1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn d1_a_number_that_is_dropped_loses_credential_and_sessions() {
    let scene = DatabaseScene::new().await;
    scene.set(CONTRACT, AuthUnit::Number, FIRST).await;
    scene.open_session(FIRST).await;
    scene.set(OTHER, AuthUnit::Line, OTHER).await;
    scene.open_session(OTHER).await;
    let file = "contract_number,number,service
0612345600,0612345600,no
0612345600,0612345602,yes
";
    counts(&import(&scene, file, &[]), 0, 0, 2, 0);
    assert_eq!(scene.sessions().await, [FIRST, OTHER], "without --replace what is not named stays");
    counts(&import(&scene, file, &["--replace"]), 0, 0, 2, 3);
    assert!(scene.logins().await.is_empty());
    assert!(scene.sessions().await.is_empty());
    assert_eq!(scene.column("SELECT number FROM contract").await, [CONTRACT]);
    assert_eq!(
        scene.audit().await.split_off(4),
        [
            format!("operator voided number_removed {FIRST}"),
            format!("operator voided number_removed {OTHER}"),
            "operator contract_removed done".into(),
            "operator contracts_imported done".into(),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn d1_a_contract_number_does_not_leave_its_numbers_behind() {
    let scene = DatabaseScene::new().await;
    let before = scene.everything().await;
    let file = "contract_number,number,service
0712345600,0712345600,yes
0712345600,0612345600,no
";
    let ran = import(&scene, file, &[]);
    assert_eq!(ran.status, 1);
    assert!(ran.err.starts_with("FILE:3: number is the contract number of another"), "{}", ran.err);
    assert_eq!(scene.everything().await, before);
    counts(&import(&scene, file, &["--replace"]), 0, 1, 1, 3);
    // A contract all of whose numbers move is removed with them.
    let back = "contract_number,number,service
0612345600,0612345600,yes
0612345600,0712345600,yes
";
    counts(&import(&scene, back, &[]), 0, 2, 0, 0);
    assert_eq!(scene.column("SELECT number FROM contract").await, [CONTRACT]);
}

#[tokio::test(flavor = "multi_thread")]
async fn d1_a_number_whose_service_ends_loses_its_login() {
    let scene = DatabaseScene::new().await;
    scene.set(CONTRACT, AuthUnit::Number, FIRST).await;
    scene.open_session(FIRST).await;
    scene.set(OTHER, AuthUnit::Line, OTHER).await;
    let file = with("0612345601,yes", "0612345601,no").replace("0712345600,yes", "0712345600,no");
    counts(&import(&scene, &file, &[]), 0, 2, 3, 0);
    assert_eq!(scene.logins().await, [OTHER], "a contract number logs in under line all the same");
    assert!(scene.sessions().await.is_empty());
    let audit = scene.audit().await;
    assert!(audit.contains(&format!("operator voided service_ended {FIRST}")), "{audit:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn d1_files_and_calls_at_once_do_not_get_in_each_others_way() {
    let scene = DatabaseScene::new().await;
    let calls = (0..60).map(|call| {
        let db = scene.db.clone();
        let caller = [CONTRACT, FIRST, PLAIN][call % 3];
        tokio::spawn(async move {
            db.set_temporary(&temporary(caller, AuthUnit::Number, [FIRST, SECOND][call % 2])).await
        })
    });
    let calls: Vec<_> = calls.collect();
    let elsewhere = with("0612345600,0612345601,yes", "0712345600,0612345601,yes");
    for file in [&elsewhere, FILE, &elsewhere, FILE] {
        counts(&import(&scene, file, &[]), 0, 1, 4, 0);
    }
    for call in calls {
        let setting = call.await.unwrap().unwrap();
        assert!(matches!(setting, SetOutcome::Stored | SetOutcome::Refused));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn d1_another_customer_gets_the_contract_without_passwords() {
    let scene = DatabaseScene::new().await;
    counts(&import(&scene, &marked("A-1", "B-1"), &[]), 0, 0, 5, 0);
    scene.set(CONTRACT, AuthUnit::Number, FIRST).await;
    scene.set(CONTRACT, AuthUnit::Number, SECOND).await;
    scene.set(OTHER, AuthUnit::Line, OTHER).await;
    for login_number in [FIRST, SECOND, OTHER] {
        scene.open_session(login_number).await;
    }
    let version = "SELECT version FROM contract WHERE number = $1";
    let version =
        async || -> i64 { scene.owner.query_one(version, &[&CONTRACT]).await.unwrap().get(0) };
    let (before, known) = (version().await, scene.audit().await.len());
    let ran = import(&scene, &marked("A-2", "B-1"), &[]);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    let expected = "0 numbers added, 0 changed, 5 unchanged, 0 removed; \
                    contracts with another customer: 1\n";
    assert_eq!(ran.out, expected);
    assert_eq!(
        scene.audit().await[known..],
        [
            format!("operator voided customer_changed {FIRST}"),
            format!("operator voided customer_changed {SECOND}"),
            "operator customer_changed done".to_owned(),
            "operator contracts_imported done".to_owned(),
        ]
    );
    assert_eq!(scene.column("SELECT login_number FROM credential ORDER BY 1").await, [OTHER]);
    let sessions = "SELECT login_number FROM session JOIN credential ON id = credential_id";
    assert_eq!(scene.column(sessions).await, [OTHER]);
    let unit = "SELECT coalesce(unit, 'none') FROM contract ORDER BY number";
    assert_eq!(scene.column(unit).await, ["none", "line"]);
    assert!(version().await > before, "an open form is refused (W6)");
    // The same once more changes nothing, nor does a file without marks.
    let after = (scene.everything().await, scene.audit().await);
    counts(&import(&scene, &marked("A-2", "B-1"), &[]), 0, 0, 5, 0);
    counts(&import(&scene, FILE, &["--replace"]), 0, 0, 5, 0);
    assert_eq!((scene.everything().await, scene.audit().await), after);
    // Back again is another change.
    let json = import(&scene, &marked("A-1", "B-2"), &["--json"]);
    assert!(json.out.contains("\"other_customers\":2"), "{}", json.out);
    assert!(scene.column("SELECT login_number FROM credential").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn d1_a_customers_first_mark_or_none_changes_nothing_else() {
    let scene = DatabaseScene::new().await;
    scene.set(CONTRACT, AuthUnit::Line, CONTRACT).await;
    scene.open_session(CONTRACT).await;
    let kept = async || {
        let logins =
            scene.column("SELECT login_number FROM credential JOIN session ON id = credential_id");
        logins.await == [CONTRACT]
    };
    counts(&import(&scene, &marked("A-1", ""), &[]), 0, 0, 5, 0);
    assert!(kept().await);
    let marks = "SELECT coalesce(customer, 'none') FROM contract ORDER BY number";
    assert_eq!(scene.column(marks).await, ["A-1", "none"]);
    counts(&import(&scene, &marked("", "B-1"), &[]), 0, 0, 5, 0);
    assert_eq!(scene.column(marks).await, ["A-1", "B-1"]);
    assert!(kept().await);
    // Numbers that come with a mark belong to it; a bad file changes nothing.
    let new = format!("{}0812345600,0812345600,yes,C-1\n", marked("A-1", "B-1"));
    counts(&import(&scene, &new, &[]), 1, 0, 5, 0);
    assert_eq!(scene.column(marks).await, ["A-1", "B-1", "C-1"]);
    let before = scene.everything().await;
    let two = marked("A-2", "B-1").replacen("A-2", "A-3", 1);
    let ran = import(&scene, &two, &[]);
    assert_eq!(ran.status, 1);
    assert!(ran.err.starts_with("FILE:3: customer differs from line 2"), "{}", ran.err);
    assert_eq!(scene.everything().await, before);
    assert!(kept().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn d1_an_export_imports_to_the_same() {
    let scene = DatabaseScene::new().await;
    let file = marked("\"no. 1, \"\"A\"\" \\\"", "");
    counts(&import(&scene, &file, &[]), 0, 0, 5, 0);
    scene.set(CONTRACT, AuthUnit::Line, CONTRACT).await;
    scene.open_session(CONTRACT).await;
    let exported = karipass(&scene.database, &["contracts", "export"]);
    assert_eq!((exported.status, exported.err.as_str()), (0, ""));
    assert_eq!(exported.out, file);
    let before = (scene.everything().await, scene.audit().await);
    counts(&import(&scene, &exported.out, &["--replace"]), 0, 0, 5, 0);
    assert_eq!((scene.everything().await, scene.audit().await), before);
    scene.owner.batch_execute("DELETE FROM contract").await.unwrap();
    counts(&import(&scene, &exported.out, &[]), 5, 0, 0, 0);
    assert_eq!(karipass(&scene.database, &["contracts", "export"]).out, exported.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn d1_a_terminal_shows_how_far_an_import_is() {
    let scene = DatabaseScene::new().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("contracts.csv");
    std::fs::write(&path, with("0612345600,0612345601,yes", "0612345600,0612345601,no")).unwrap();
    let command = format!("{KARIPASS} contracts import {}", path.display());
    let mut terminal = scene.database.karipass(Path::new("script"));
    terminal.args(["--quiet", "--return", "--command", &command, "/dev/null"]);
    let shown = folder.path().join("shown");
    terminal.env("TERM", "xterm").stdin(Stdio::null()).stdout(File::create(&shown).unwrap());
    // The first lock stops the comparison, and the second one the changes.
    let hold = "BEGIN; SELECT FROM contract FOR UPDATE; SAVEPOINT compared;
                LOCK TABLE contract IN ACCESS EXCLUSIVE MODE";
    scene.owner.batch_execute(hold).await.unwrap();
    let mut importing = Child::spawn("script", terminal).unwrap();
    let text = || std::fs::read_to_string(&shown).unwrap();
    wait_until("the comparison", async || text().contains("comparing")).await;
    assert!(!text().contains("applying"), "{:?}", text());
    scene.owner.batch_execute("ROLLBACK TO compared").await.unwrap();
    wait_until("the changes", async || text().contains("applying")).await;
    scene.owner.batch_execute("COMMIT").await.unwrap();
    assert!(importing.wait_for_end(WAIT_TIMEOUT).unwrap().success(), "{:?}", text());
    assert!(text().contains("sending") && text().contains("100 %"), "{:?}", text());
    assert!(text().ends_with("1 changed, 4 unchanged, 0 removed\r\n"), "{:?}", text());
}

fn import(scene: &DatabaseScene, file: &str, options: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("contracts.csv");
    std::fs::write(&path, file).unwrap();
    let mut arguments = vec!["contracts", "import", path.to_str().unwrap()];
    arguments.extend(options);
    let mut ran = karipass(&scene.database, &arguments);
    ran.err = ran.err.replace(path.to_str().unwrap(), "FILE");
    ran
}

/// The file of the scene with one row in another's place.
fn with(row: &str, in_place_of: &str) -> String {
    assert!(FILE.contains(row));
    FILE.replace(row, in_place_of)
}

fn counts(ran: &Ran, added: usize, changed: usize, unchanged: usize, removed: usize) {
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    let expected = format!(
        "{added} numbers added, {changed} changed, {unchanged} unchanged, {removed} removed\n"
    );
    assert_eq!(ran.out, expected);
}

/// [`FILE`] with a mark for each of its contracts.
fn marked(first: &str, other: &str) -> String {
    let mut lines = FILE.lines();
    let mut file = format!("{},customer\n", lines.next().unwrap());
    for row in lines {
        let mark = if row.starts_with(CONTRACT) { first } else { other };
        writeln!(file, "{row},{mark}").unwrap();
    }
    file
}
