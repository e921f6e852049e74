//! Preparation of realms and passwords.

use std::borrow::Cow;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// The OpaqueString profile: spaces of other scripts become the ASCII space, what can be written in several ways is written in one (NFC),
/// and control characters and an empty text are refused (`None`). Characters that no version of Unicode knows yet are taken.
///
/// Source: [RFC 8265 §4.2](https://www.rfc-editor.org/rfc/rfc8265#section-4.2)
pub fn opaque_string(text: &str) -> Option<Cow<'_, str>> {
    if text.is_empty() || text.chars().any(char::is_control) {
        return None;
    }
    let is_other_space = |c: char| c != ' ' && c.is_whitespace();
    if is_nfc_quick(text.chars()) == IsNormalized::Yes && !text.contains(is_other_space) {
        return Some(Cow::Borrowed(text));
    }
    // Text grows to three times its length at most: no buffer with a part of a password is left behind.
    let mut prepared = String::with_capacity(3 * text.len());
    prepared.extend(text.chars().map(|c| if is_other_space(c) { ' ' } else { c }).nfc());
    Some(Cow::Owned(prepared))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guards the comparison of realms and passwords: case counts, the kind of space and the way of writing do not.
    #[test]
    fn stun_7_opaque_strings_keep_case_and_are_written_in_one_way() {
        assert_eq!(opaque_string("Correct Horse").as_deref(), Some("Correct Horse"));
        assert_eq!(opaque_string("correct\u{3000}horse\u{a0}").as_deref(), Some("correct horse "));
        assert_eq!(opaque_string("\u{3c0}\u{df}\u{e5}").as_deref(), Some("\u{3c0}\u{df}\u{e5}"));
        // Written with a mark of its own, by Jamo, and by a sign that is the same as a letter.
        let prepared = |text| opaque_string(text).map(Cow::into_owned);
        assert_eq!(prepared("re\u{301}sume\u{301}\u{3000}1"), Some("r\u{e9}sum\u{e9} 1".to_owned()));
        assert_eq!(prepared("\u{1112}\u{1161}\u{11ab}"), Some("\u{d55c}".to_owned()));
        assert_eq!(prepared("\u{212b}"), Some("\u{c5}".to_owned()));
        // What is only alike stays apart.
        assert_eq!(prepared("\u{ff21}\u{fb01}"), Some("\u{ff21}\u{fb01}".to_owned()));
        assert_eq!([opaque_string(""), opaque_string("a\tb"), opaque_string("a\0")], [None, None, None]);
    }
}
