//! Preparation of realms and passwords.

use std::borrow::Cow;

/// The OpaqueString profile, as far as plain rules give it: spaces of other scripts become the ASCII space, control characters and
/// an empty text are refused (`None`). It does not normalise: texts are to come in NFC, as what keyboards and web pages give does.
///
/// Source: [RFC 8265 §4.2](https://www.rfc-editor.org/rfc/rfc8265#section-4.2)
pub fn opaque_string(text: &str) -> Option<Cow<'_, str>> {
    if text.is_empty() || text.chars().any(char::is_control) {
        return None;
    }
    let is_other_space = |c: char| c != ' ' && c.is_whitespace();
    Some(match text.contains(is_other_space) {
        true => Cow::Owned(text.replace(is_other_space, " ")),
        false => Cow::Borrowed(text),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guards the comparison of realms and passwords: case counts, the kind of space does not.
    #[test]
    fn stun_7_opaque_strings_keep_case_and_map_spaces() {
        assert_eq!(opaque_string("Correct Horse").as_deref(), Some("Correct Horse"));
        assert_eq!(opaque_string("correct\u{3000}horse\u{a0}").as_deref(), Some("correct horse "));
        assert_eq!(opaque_string("\u{3c0}\u{df}\u{e5}").as_deref(), Some("\u{3c0}\u{df}\u{e5}"));
        assert_eq!([opaque_string(""), opaque_string("a\tb"), opaque_string("a\0")], [None, None, None]);
    }
}
