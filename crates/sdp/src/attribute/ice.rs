use crate::SdpError;
use crate::cursor::Cursor;
use crate::write::{self, Value, text_form};

/// What an ICE agent can do: `trickle renomination`.
///
/// Source: [RFC 8839 §5.6](https://www.rfc-editor.org/rfc/rfc8839#section-5.6)
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct IceOptions(
    /// The options in order.
    pub Vec<String>,
);

impl IceOptions {
    /// Candidates may come after the description ([RFC 8838](https://www.rfc-editor.org/rfc/rfc8838)).
    pub fn trickle() -> Self {
        Self(vec!["trickle".into()])
    }

    /// Whether that option is there.
    pub fn contains(&self, option: &str) -> bool {
        self.0.iter().any(|it| it == option)
    }
}

impl Value for IceOptions {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, SdpError> {
        let mut options = vec![cursor.token("ice option")?.into()];
        while let Some(option) = cursor.optional_token() {
            options.push(option.into());
        }
        Ok(Self(options))
    }

    fn write(&self, out: &mut String) {
        for (index, option) in self.0.iter().enumerate() {
            if index > 0 {
                out.push(' ');
            }
            write::text(out, option);
        }
    }
}

text_form! { IceOptions: "ice-options" }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_words() {
        let options: IceOptions = "ice2 trickle".parse().unwrap();
        assert!(options.contains("trickle") && !options.contains("tric"));
        assert_eq!(options.to_string(), "ice2 trickle");
        assert!("".parse::<IceOptions>().is_err());
    }
}
