//! Reads Asterisk's configuration files as Asterisk does: sections in order, with their templates,
//! and with included files. `#exec` is not run.

use std::fs;
use std::path::{Path, PathBuf};

const MAX_INCLUDE_DEPTH: usize = 10;

/// Of the files that FreePBX writes: which of those that they include is the administrator's.
const HOOKS: [(&str, &str); 6] = [
    ("ari.conf", "ari_additional_custom.conf"),
    ("cel.conf", "cel_general_custom.conf"),
    ("extensions.conf", "extensions_custom.conf"),
    ("http.conf", "http_custom.conf"),
    ("manager.conf", "manager_custom.conf"),
    ("pjsip.conf", "pjsip.endpoint_custom_post.conf"),
];

/// A file and all files that it includes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Conf {
    /// Its name, such as `http.conf`.
    pub(super) file: String,
    /// What it includes, as written there.
    pub(super) included: Vec<String>,
    pub(super) sections: Vec<Section>,
    /// Files that could not be read, each with the reason.
    pub(super) unread: Vec<String>,
    /// Where the section stands that the next line belongs to.
    current: usize,
}

/// A section; one name may have several.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) name: String,
    /// `(!)`: it only lends its entries to other sections.
    pub(super) is_template: bool,
    /// Names and values. Those of its templates come first.
    pub(super) entries: Vec<(String, String)>,
}

impl Section {
    /// The last value of this name; Asterisk ignores the case of names.
    pub(super) fn value<'a>(&'a self, name: &str) -> Option<&'a str> {
        self.values(name).next_back()
    }

    /// Every value of this name, in the file's order.
    pub(super) fn values<'a>(&'a self, name: &str) -> impl DoubleEndedIterator<Item = &'a str> {
        let named = self.entries.iter().filter(move |(it, _)| it.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str())
    }

    /// Whether this is not a template and its `type` is `kind`.
    pub(super) fn has_type(&self, kind: &str) -> bool {
        !self.is_template && self.value("type").is_some_and(|it| it.eq_ignore_ascii_case(kind))
    }

    /// Whether `[name](+filter)` continues it; a filter is such as `type=endpoint&auth=x`.
    fn is_chosen_by(&self, name: &str, filter: &str) -> bool {
        let mut entries = filter.split('&').filter_map(|entry| entry.split_once('='));
        !self.is_template
            && self.name.eq_ignore_ascii_case(name)
            && entries.all(|(name, value)| self.values(name.trim()).any(|it| it == value.trim()))
    }

    /// Whether Asterisk takes the value of this name for true (`ast_true`).
    pub(super) fn is_true(&self, name: &str) -> bool {
        let words = ["yes", "true", "y", "t", "1", "on"];
        let value = self.value(name).unwrap_or_default();
        words.iter().any(|word| value.eq_ignore_ascii_case(word))
    }

    /// Whether it takes it for false.
    pub(super) fn is_false(&self, name: &str) -> bool {
        self.value(name).is_some_and(is_false)
    }
}

impl Conf {
    /// Reads `file` in the folder `etc`. Returns `None` if it does not exist.
    pub(super) fn read(etc: &Path, file: &str) -> Option<Self> {
        let path = etc.join(file);
        if !path.exists() && path.symlink_metadata().is_err() {
            return None;
        }
        let mut conf = Self { file: file.to_owned(), ..Self::default() };
        conf.load(etc, &path, true, 0);
        Some(conf)
    }

    /// A file that does not exist.
    pub(super) fn absent(file: &str) -> Self {
        Self { file: file.to_owned(), ..Self::default() }
    }

    /// Where the administrator adds lines: in the file itself, unless it is written by FreePBX.
    pub(super) fn place(&self) -> &str {
        let hook = HOOKS.iter().find(|(file, hook)| {
            *file == self.file && self.included.iter().any(|included| included == hook)
        });
        hook.map_or(&self.file, |(_, hook)| hook)
    }

    /// The heading under which further lines belong to this section.
    pub(super) fn heading(&self, section: &str) -> String {
        let continues = if self.first(section).is_some() { "(+)" } else { "" };
        format!("[{section}]{continues}")
    }

    /// Every section of this name, except templates.
    pub(super) fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Section> {
        self.sections.iter().filter(move |it| !it.is_template && it.name.eq_ignore_ascii_case(name))
    }

    /// The last value of `name` in the first section named `section`. Asterisk does not read a
    /// second `[general]`.
    pub(super) fn value(&self, section: &str, name: &str) -> Option<&str> {
        self.first(section)?.value(name)
    }

    /// The first section of this name, except templates.
    pub(super) fn first(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|it| !it.is_template && it.name.eq_ignore_ascii_case(name))
    }

    fn load(&mut self, etc: &Path, path: &Path, is_required: bool, depth: usize) {
        match fs::read(path) {
            Ok(bytes) if depth <= MAX_INCLUDE_DEPTH => {
                self.parse_lines(etc, &String::from_utf8_lossy(&bytes), depth);
            }
            Ok(_) => self.unread.push(format!("{}: included too deep", path.display())),
            Err(error) if is_required => self.unread.push(format!("{}: {error}", path.display())),
            Err(_) => {}
        }
    }

    fn parse_lines(&mut self, etc: &Path, text: &str, depth: usize) {
        for line in strip_comments(text).lines().map(str::trim).filter(|line| !line.is_empty()) {
            if let Some(header) = line.strip_prefix('[') {
                self.open_section(header);
            } else if let Some(directive) = line.strip_prefix('#') {
                self.follow_directive(etc, directive, depth);
            } else if let Some((name, value)) = line.split_once('=') {
                self.set(name, value);
            }
        }
    }

    /// Opens `name](!,template,…)`. With `(+)` it continues the first section of this name, with
    /// `(+type=endpoint)` the first that has this entry too.
    fn open_section(&mut self, header: &str) {
        let (name, rest) = header.split_once(']').unwrap_or((header, ""));
        let name = name.trim();
        let inside = rest.trim().strip_prefix('(').and_then(|rest| rest.split_once(')'));
        let words = inside.map(|(inside, _)| inside).unwrap_or_default();
        let words: Vec<&str> = words.split(',').map(str::trim).collect();
        let lent: Vec<(String, String)> = words
            .iter()
            .filter(|word| **word != "!" && !word.starts_with('+') && !word.is_empty())
            .filter_map(|base| self.sections.iter().find(|it| it.name.eq_ignore_ascii_case(base)))
            .flat_map(|base| base.entries.clone())
            .collect();
        let filter = words.iter().find_map(|word| word.strip_prefix('+'));
        let continued = filter
            .and_then(|filter| self.sections.iter().position(|it| it.is_chosen_by(name, filter)));
        self.current = continued.unwrap_or(self.sections.len());
        if continued.is_none() {
            if filter.is_some() {
                let reason = "continues no section above it, so Asterisk refuses the whole file";
                self.unread.push(format!("[{header} {reason}"));
            }
            self.sections.push(Section { name: name.to_owned(), ..Section::default() });
        }
        if let Some(section) = self.sections.get_mut(self.current) {
            section.is_template |= words.contains(&"!");
            section.entries.extend(lent);
        }
    }

    /// Follows `include` and `tryinclude`. The output of `exec` stays unknown.
    fn follow_directive(&mut self, etc: &Path, directive: &str, depth: usize) {
        let (word, file) = directive.split_once(char::is_whitespace).unwrap_or((directive, ""));
        let file = file.trim().trim_matches(['"', '<', '>', '\'']);
        match word {
            "include" | "tryinclude" => {
                self.included.push(file.to_owned());
                let is_required = word == "include";
                for path in expand(&etc.join(file)) {
                    self.load(etc, &path, is_required, depth + 1);
                }
            }
            "exec" => self.unread.push(format!("the output of #exec {file}")),
            _ => {}
        }
    }

    /// Sets `name = value` or `name => value`. `name += value` appends to the last value.
    fn set(&mut self, name: &str, value: &str) {
        let Some(section) = self.sections.get_mut(self.current) else { return };
        let value = value.strip_prefix('>').unwrap_or(value).trim();
        let (name, appends) = match name.strip_suffix('+') {
            Some(name) => (name.trim(), true),
            None => (name.trim(), false),
        };
        let before = if appends { section.value(name).unwrap_or_default() } else { "" };
        let value = format!("{before}{value}");
        section.entries.push((name.to_owned(), value));
    }
}

/// Whether Asterisk takes this value for false (`ast_false`).
pub(super) fn is_false(value: &str) -> bool {
    ["no", "false", "n", "f", "0", "off"].iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// Removes `; …` up to a line's end, and `;-- … --;`. `\;` is a semicolon.
fn strip_comments(text: &str) -> String {
    let mut left = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(';') {
        let (before, comment) = rest.split_at(at);
        if let Some(kept) = before.strip_suffix('\\') {
            left.push_str(kept);
            left.push(';');
            rest = comment.get(1..).unwrap_or_default();
            continue;
        }
        left.push_str(before);
        let is_block = comment.starts_with(";--") && !comment.starts_with(";---");
        let end =
            if is_block { comment.find("--;").map(|end| end + 3) } else { comment.find('\n') };
        rest = end.and_then(|end| comment.get(end..)).unwrap_or_default();
    }
    left.push_str(rest);
    left
}

/// Lists the files that match a pattern such as `pjsip.d/*.conf`, sorted. A path without `*` is
/// its own match.
fn expand(pattern: &Path) -> Vec<PathBuf> {
    let name = pattern.file_name().map(|name| name.to_string_lossy().into_owned());
    let Some((begins, ends)) = name.as_deref().and_then(|name| name.split_once('*')) else {
        return vec![pattern.to_path_buf()];
    };
    let folder = pattern.parent().unwrap_or(Path::new("."));
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_match = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        name.is_some_and(|name| {
            name.len() >= begins.len() + ends.len()
                && name.starts_with(begins)
                && name.ends_with(ends)
                && !name.starts_with('.')
        })
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_match).collect();
    files.sort();
    files
}

#[cfg(test)]
impl Conf {
    pub(super) fn parse(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("x.conf"), text).unwrap();
        Self::read(folder.path(), "x.conf").unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conf(text: &str) -> Conf {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("x.conf"), text).unwrap();
        fs::create_dir(folder.path().join("x.d")).unwrap();
        fs::write(folder.path().join("x.d/b.conf"), "later = b\n[from-b]\n").unwrap();
        fs::write(folder.path().join("x.d/a.conf"), "later = a\n").unwrap();
        fs::write(folder.path().join("x.d/loop.inc"), "#include \"x.d/loop.inc\"\n").unwrap();
        Conf::read(folder.path(), "x.conf").unwrap()
    }

    #[test]
    fn comments_are_removed_and_escaped_semicolons_stay() {
        let conf =
            conf("[a] ; first\nx = 1 ; one\n;-- y = 2\n[b]\n--; z=3\\;4\n;y = 5\n;--- w\nv=>6");
        let [section] = &conf.sections[..] else { panic!("{conf:?}") };
        let values = ["x", "y", "z", "w", "V"].map(|name| section.value(name));
        assert_eq!(values, [Some("1"), None, Some("3;4"), None, Some("6")]);
    }

    #[test]
    fn templates_lend_their_entries_and_the_last_value_counts() {
        let conf = conf(
            "[t](!)\nx=1\ny=1\n[u](!,t)\ny=2\n[a](u)\nx=3\n[b](t,u)\n[a]\nz=4\n[a](+)\nz+=5\n",
        );
        assert_eq!(conf.value("a", "x"), Some("3"));
        assert_eq!(conf.value("b", "y"), Some("2"));
        let last = conf.named("a").last().unwrap();
        assert_eq!((conf.value("a", "z"), last.value("z")), (Some("5"), Some("4")));
        assert_eq!(conf.named("a").count(), 2);
        assert_eq!(conf.named("t").count(), 0);
    }

    #[test]
    fn a_section_that_is_continued_is_the_first_that_fits() {
        let conf = conf(
            "[a]\ntype=endpoint\n[a]\ntype=identify\n[a](+)\nx=1\n[a](+type=identify)\nx=2\n\
             [a](+)\n#include \"x.d/a.conf\"\ny=3\n[b](+)\nx=4\n",
        );
        let values = |name| conf.sections.iter().map(move |it| it.value(name)).collect::<Vec<_>>();
        assert_eq!(values("x"), [Some("1"), Some("2"), Some("4")]);
        assert_eq!(values("later"), [Some("a"), None, None]);
        assert_eq!(values("y"), [Some("3"), None, None]);
        assert!(matches!(&conf.unread[..], [one] if one.contains("[b](+)")), "{:?}", conf.unread);
    }

    #[test]
    fn includes_continue_the_section_and_patterns_are_sorted() {
        let conf =
            conf("[a]\n#include \"x.d/*.conf\"\nlast = 1\n#tryinclude <none>\n#include none\n");
        assert_eq!(conf.value("a", "later"), Some("b"));
        assert_eq!(conf.value("from-b", "last"), Some("1"));
        assert!(matches!(&conf.unread[..], [one] if one.contains("none")), "{:?}", conf.unread);
    }

    #[test]
    fn lines_are_added_where_freepbx_does_not_write() {
        let folder = tempfile::tempdir().unwrap();
        for (text, place, heading) in [
            ("[general]\n#include \"http_custom.conf\"\n", "http_custom.conf", "[general](+)"),
            ("[general]\n#include ari_general_custom.conf\n", "http.conf", "[general](+)"),
            ("[general](!)\n", "http.conf", "[general]"),
        ] {
            fs::write(folder.path().join("http.conf"), text).unwrap();
            let conf = Conf::read(folder.path(), "http.conf").unwrap();
            assert_eq!((conf.place(), conf.heading("general").as_str()), (place, heading));
        }
    }

    #[test]
    fn an_unreadable_file_is_reported() {
        assert_eq!(conf("#include x.d/loop.inc").unread.len(), 1);
        assert_eq!(conf("#exec /bin/date").unread, ["the output of #exec /bin/date"]);
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Conf::read(folder.path(), "x.conf"), None);
        fs::create_dir(folder.path().join("x.conf")).unwrap();
        assert_eq!(Conf::read(folder.path(), "x.conf").unwrap().unread.len(), 1);
    }

    #[test]
    fn the_words_for_true_are_asterisks() {
        let conf = conf("[a]\nx=Yes\ny=on\nz=enabled\n");
        let section = conf.named("a").next().unwrap();
        assert_eq!(
            ["x", "y", "z", "w"].map(|name| section.is_true(name)),
            [true, true, false, false]
        );
    }
}
