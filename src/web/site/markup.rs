//! Text that is HTML already, and what may be inserted into it.

use std::borrow::Cow;
use std::fmt;

use askama::filters::{Html, HtmlSafe, escape};

/// Text that a template shows without escaping it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Markup(Cow<'static, str>);

impl Markup {
    /// A text of the tables. Its arguments are [`Markup`] too.
    pub(super) fn from_args(text: fmt::Arguments<'_>) -> Self {
        Self(text.as_str().map_or_else(|| Cow::Owned(text.to_string()), Cow::Borrowed))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    fn escaped(text: &str) -> Self {
        let Ok(escaped) = escape(text, Html);
        Self(Cow::Owned(escaped.to_string()))
    }
}

impl fmt::Display for Markup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HtmlSafe for Markup {}

/// What may stand for a placeholder. Plain text is escaped.
pub(super) trait ToMarkup {
    fn to_markup(&self) -> Markup;
}

impl<T: ToMarkup + ?Sized> ToMarkup for &T {
    fn to_markup(&self) -> Markup {
        (**self).to_markup()
    }
}

impl ToMarkup for Markup {
    fn to_markup(&self) -> Markup {
        self.clone()
    }
}

impl ToMarkup for str {
    fn to_markup(&self) -> Markup {
        Markup::escaped(self)
    }
}

impl ToMarkup for String {
    fn to_markup(&self) -> Markup {
        Markup::escaped(self)
    }
}

impl ToMarkup for char {
    fn to_markup(&self) -> Markup {
        Markup::escaped(self.encode_utf8(&mut [0; 4]))
    }
}

macro_rules! numbers {
    ($($number:ty),+) => {
        $(impl ToMarkup for $number {
            fn to_markup(&self) -> Markup {
                Markup::from_args(format_args!("{self}"))
            }
        })+
    };
}

numbers!(u8, i8, i16, i32, u64, usize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_escaped_once_and_markup_never() {
        let plain = "<b> & \"".to_markup();
        assert_eq!(plain.as_str(), "&#60;b&#62; &#38; &#34;");
        assert_eq!(plain.to_markup(), plain);
        let inserted = Markup::from_args(format_args!("<p>{plain}</p>"));
        assert_eq!(inserted.as_str(), "<p>&#60;b&#62; &#38; &#34;</p>");
        assert_eq!('<'.to_markup().as_str(), "&#60;");
    }
}
