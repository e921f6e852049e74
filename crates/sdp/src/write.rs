//! Puts values into text. Nothing written here can end a line or start one.

/// How a value is read from the text after its name, and written there.
pub(crate) trait Value: Sized {
    /// Reads the value; what is left over is the caller's business.
    fn read(cursor: &mut crate::cursor::Cursor<'_>) -> Result<Self, crate::SdpError>;
    /// Appends the value, which cannot fail.
    fn write(&self, out: &mut String);
}

/// Gives `FromStr` and `Display` to types that are a [`Value`]; `$what` names them when text follows.
macro_rules! text_form {
    ($($type:ty: $what:literal),* $(,)?) => {$(
        impl std::str::FromStr for $type {
            type Err = crate::SdpError;

            fn from_str(text: &str) -> Result<Self, crate::SdpError> {
                let mut cursor = crate::cursor::Cursor::new(text);
                let value = <$type as crate::write::Value>::read(&mut cursor)?;
                cursor.finish($what)?;
                Ok(value)
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let mut out = String::new();
                crate::write::Value::write(self, &mut out);
                f.pad(&out)
            }
        }
    )*};
}
pub(crate) use text_form;

/// Appends text. Characters that would end the line (a track label, say, that came from a page) are left out.
pub(crate) fn text(out: &mut String, text: &str) {
    // Without an early end, which the compiler can make SIMD of.
    if text.bytes().fold(0, |found, byte| found | u8::from(matches!(byte, b'\r' | b'\n' | 0))) > 0 {
        out.extend(text.chars().filter(|&character| !matches!(character, '\r' | '\n' | '\0')));
    } else {
        out.push_str(text);
    }
}

/// Appends a decimal number; a third of a description's fields are one, and `fmt` costs five times as much.
pub(crate) fn number(out: &mut String, number: impl Into<u64>) {
    let mut digits = [b'0'; 20];
    let mut rest = number.into();
    let mut start = digits.len();
    for (index, digit) in digits.iter_mut().enumerate().rev() {
        // The remainder is below 10, so it fits.
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
        start = index;
        if rest == 0 {
            break;
        }
    }
    for digit in digits.iter().skip(start) {
        out.push(char::from(*digit));
    }
}

/// Appends each of `items` after a `separator`.
pub(crate) fn each_after<T>(out: &mut String, separator: char, items: &[T], write: impl Fn(&mut String, &T)) {
    for item in items {
        out.push(separator);
        write(out, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_fmt_would() {
        for value in [0, 1, 9, 10, 99, 100, 65_535, 1 << 32, u64::MAX] {
            let mut out = String::from("=");
            number(&mut out, value);
            assert_eq!(out, format!("={value}"));
        }
    }

    #[test]
    fn a_line_end_inside_a_value_is_left_out() {
        let mut out = String::new();
        text(&mut out, "a\r\na=crypto:1\0é");
        assert_eq!(out, "aa=crypto:1é");
    }
}
