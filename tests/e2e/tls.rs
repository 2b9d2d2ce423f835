//! A whole call with PostgreSQL and ARI over TLS only (`R`).

use anyhow::{Result, ensure};
use karipass_lab::certificate::certify_in;
use karipass_lab::ports;

use crate::check::check;
use crate::story::Story;
use crate::system::{PATIENT, System};

#[test]
fn r_postgresql_and_asterisk_are_spoken_to_over_tls() -> Result<()> {
    let (ours, others) = (tempfile::tempdir()?, tempfile::tempdir()?);
    for folder in [&ours, &others] {
        certify_in(folder.path(), &["db.example", "127.0.0.1"])?;
    }
    let (folder, port) = (ours.path().display(), ports::free_tcp()?);
    let http = format!(
        "tlsenable = yes\ntlsbindaddr = 127.0.0.1:{port}\ntlscertfile = {folder}/certificate.pem\n\
         tlsprivatekey = {folder}/key.pem\n"
    );
    let mut system = System::with_own_postgres(&[("http.conf", &http)])?;
    let address = system.postgres.demand_tls(ours.path())?;
    let words = format!("sslmode=verify-full sslrootcert={folder}/ca.pem");
    let over_tcp = system.database.over_tcp(address, "db.example", &words);
    let over_socket = std::mem::replace(&mut system.database, over_tcp);
    let (url, known) = (format!("https://127.0.0.1:{port}"), format!("{folder}/ca.pem"));
    let (by_name, unknown) =
        (format!("https://localhost:{port}"), format!("{}/ca.pem", others.path().display()));
    for (url, ca_file, said) in [
        (&url, &known, "no problems found"),
        (&url, &unknown, "UnknownIssuer"),
        (&by_name, &known, "not valid for name"),
    ] {
        let variables = [("KARIPASS_ARI_URL", url.as_str()), ("KARIPASS_ARI_CA_FILE", ca_file)];
        let (_, found) = check(&system, &variables)?;
        ensure!(found.contains(said), "{url} with {ca_file}: {found}");
    }
    let mut variables = PATIENT.to_vec();
    variables.extend([("KARIPASS_ARI_URL", url.as_str()), ("KARIPASS_ARI_CA_FILE", &known)]);
    let mut system = system.with_daemon(&variables)?;
    // The test itself reads the database over the socket.
    system.database = over_socket;
    let story = Story::new(&system)?;
    let (contract, password) = (story.family.contract.clone(), story.password());
    let mut call = story.call_from_contract()?;
    call.hear("menu")?.key("1")?.begin_to_hear_number(&contract, "set-password")?;
    call.key_password(&password)?.hear("confirm-password")?.key_password(&password)?;
    call.hear_number(&contract)?.hear_whole("completed")?.expect_hangup()?;
    story.expect_stored(&contract, &password, "line", "line", &[&contract, &story.family.child])
}
