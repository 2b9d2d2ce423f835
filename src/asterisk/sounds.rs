//! Checks that every sound of the prompts is there.
//!
//! Asterisk falls back to English without a warning, and reads its folders only when it starts. So
//! the files are checked too, if the daemon knows their folder.

use std::collections::HashSet;
use std::path::Path;

use super::rest::{Rest, RestError};
use domain::dialog::prompt::SOUNDS;

/// The folder of the sounds within a language of Asterisk.
const FOLDER: &str = "karipass/";

/// The sounds that Asterisk does not have, or that are not in `folder`.
///
/// # Errors
/// If Asterisk does not list its sounds.
pub(crate) async fn missing(
    rest: &Rest,
    folder: Option<&Path>,
) -> Result<Vec<&'static str>, RestError> {
    let sounds = rest.sounds().await?.into_iter();
    let known: HashSet<String> = sounds.map(|(sound, _)| sound).collect();
    let folder = folder.map(Path::to_owned);
    let files = tokio::task::spawn_blocking(move || folder.map(|folder| without_file(&folder)));
    let no_file = files.await.ok().flatten().unwrap_or_default();
    Ok(SOUNDS
        .into_iter()
        .filter(|sound| !known.contains(*sound) || no_file.contains(sound))
        .collect())
}

/// The sounds without a file in `folder`, whatever the file's format.
fn without_file(folder: &Path) -> Vec<&'static str> {
    SOUNDS.into_iter().filter(|sound| !has_file(folder, sound)).collect()
}

fn has_file(folder: &Path, sound: &str) -> bool {
    let path = folder.join(sound.strip_prefix(FOLDER).unwrap_or(sound));
    let Some(Ok(files)) = path.parent().map(std::fs::read_dir) else { return false };
    files
        .filter_map(Result::ok)
        .any(|file| Path::new(&file.file_name()).file_stem() == path.file_name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_is_there_in_whatever_format() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("digits")).unwrap();
        for sound in SOUNDS {
            let name = sound.strip_prefix(FOLDER).unwrap();
            std::fs::write(folder.path().join(format!("{name}.ulaw")), "").unwrap();
        }
        assert_eq!(without_file(folder.path()), Vec::<&str>::new());
        std::fs::rename(folder.path().join("menu.ulaw"), folder.path().join("menus.wav")).unwrap();
        std::fs::remove_file(folder.path().join("digits/7.ulaw")).unwrap();
        assert_eq!(without_file(folder.path()), ["karipass/menu", "karipass/digits/7"]);
    }
}
