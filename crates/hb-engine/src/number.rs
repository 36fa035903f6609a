//! Numbers in fields: times to be written, and numbers read as 3.0.6 reads them: a prefix counts, the rest is ignored (`wire.md` 4.3).

use core::time::Duration;

use hb_wire::Message;

/// Whole milliseconds; configured times are far below the limit.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The hexadecimal number at the start of the field; `None` if there is none or it does not fit.
pub(crate) fn hex(message: &Message, name: &str) -> Option<u64> {
    let text = message.text(name)?.trim_start();
    let text = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    prefix(text, 16)
}

/// The decimal number at the start of the field; `None` if there is none or it does not fit.
pub(crate) fn decimal(message: &Message, name: &str) -> Option<u64> {
    prefix(message.text(name)?.trim_start(), 10)
}

fn prefix(text: &str, radix: u32) -> Option<u64> {
    let end = text.find(|c: char| !c.is_digit(radix)).unwrap_or(text.len());
    u64::from_str_radix(text.get(..end)?, radix).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(value: &str) -> Message {
        let mut message = Message::default();
        message.push_text("n", value);
        message
    }

    #[test]
    fn prefixes_count() {
        assert_eq!(hex(&field("5zz"), "n"), Some(5));
        assert_eq!(hex(&field("0x1F"), "n"), Some(31));
        assert_eq!(hex(&field("zz"), "n"), None);
        assert_eq!(hex(&field(""), "n"), None);
        assert_eq!(hex(&field("11112222333344445"), "n"), None);
        assert_eq!(decimal(&field("12a"), "n"), Some(12));
        assert_eq!(decimal(&field("a"), "n"), None);
    }
}
