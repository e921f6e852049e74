//! A line of JSON in the making.

use std::fmt::{Display, Write};

/// An object on one line.
pub(super) struct Line(String);

impl Line {
    pub fn new() -> Self {
        Self("{".to_owned())
    }

    /// Adds a number, or a word of JSON's own.
    pub fn bare(&mut self, name: &str, value: impl Display) -> &mut Self {
        self.name(name);
        let _ = write!(self.0, "{value}");
        self
    }

    /// Adds a text.
    pub fn text(&mut self, name: &str, value: impl Display) -> &mut Self {
        self.name(name);
        self.0.push('"');
        for character in value.to_string().chars() {
            match character {
                '"' | '\\' => self.0.extend(['\\', character]),
                '\0'..='\x1f' => drop(write!(self.0, "\\u{:04x}", u32::from(character))),
                _ => self.0.push(character),
            }
        }
        self.0.push('"');
        self
    }

    /// Adds a list of numbers.
    pub fn numbers<T: Display>(&mut self, name: &str, values: &[T]) -> &mut Self {
        let values: Vec<String> = values.iter().map(T::to_string).collect();
        self.bare(name, format_args!("[{}]", values.join(",")))
    }

    pub fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }

    fn name(&mut self, name: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        let _ = write!(self.0, "\"{name}\":");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_end_its_line() {
        let mut line = Line::new();
        line.bare("a", 1).text("b", "\"\\\n\u{e4}").numbers("c", &[1, 2]).bare("d", true);
        assert_eq!(line.end(), "{\"a\":1,\"b\":\"\\\"\\\\\\u000a\u{e4}\",\"c\":[1,2],\"d\":true}");
    }
}
