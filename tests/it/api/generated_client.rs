//! A client that openapi-python-client generates from the description logs in, changes the password
//! and changes the unit (table `A`).

use std::process::Command;

use karipass_lab::repository;

use crate::scene::{NUMBER, ONE, Scene};
use crate::site::{self, RIGHT};

/// The folder into which `make` installs it.
const TOOLS: &str = "target/openapi-python-client/bin";
const NEW: &str = "abcd1234";

#[tokio::test(flavor = "multi_thread")]
async fn w8_a_generated_client_logs_in_changes_the_password_and_the_unit() {
    let Scene { owner, service, .. } = Scene::new("number").await;
    site::credential(&owner, ONE, "temporary").await;
    let base = service.base.clone();
    let folder = tempfile::tempdir().unwrap();
    let packages = folder.path().to_owned();
    let said = tokio::task::spawn_blocking(move || {
        let tool = |name: &str| Command::new(repository().join(TOOLS).join(name));
        let files = repository().join("tests/it/api");
        run(tool("openapi-python-client")
            .args(["generate", "--fail-on-warning", "--meta", "none", "--url"])
            .arg(format!("{base}/api/v1/openapi.json"))
            .arg("--config")
            .arg(files.join("generated_client.yaml"))
            .arg("--output-path")
            .arg(packages.join("karipass_client")));
        run(tool("python")
            .env("PYTHONPATH", &packages)
            .arg(files.join("generated_client.py"))
            .args([&base, ONE, RIGHT, NEW]))
    });
    assert_eq!(said.await.unwrap(), format!("{NUMBER} changers\n"));
    assert_eq!(site::audit(&owner).await.iter().filter(|it| it.0 == "unit_changed").count(), 1);
}

/// The output of a command.
fn run(command: &mut Command) -> String {
    let ran = command.output().expect("openapi-python-client, which `make test` puts there");
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(ran.status.success(), "{said}\n{}", String::from_utf8_lossy(&ran.stderr));
    said
}
