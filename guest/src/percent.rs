//! Percent-encoding of the parts of an address.

use percent_encoding::{
    AsciiSet, CONTROLS, PercentEncode, percent_decode_str, utf8_percent_encode,
};

/// Characters that a query's value must escape.
const VALUE: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'&').add(b'<').add(b'>').add(b'\'');
/// Characters that a user name must escape.
const USER: &AsciiSet = &VALUE
    .add(b'/')
    .add(b':')
    .add(b';')
    .add(b'=')
    .add(b'?')
    .add(b'@')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The value of an option, encoded.
pub(crate) fn value(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, VALUE)
}

/// A user name, encoded.
pub(crate) fn user(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, USER)
}

/// Decodes percent-encoding; a `+` stays a `+`. `None` if the text is not UTF-8, or holds a NUL.
pub(crate) fn decode(text: &str) -> Option<String> {
    let text = percent_decode_str(text).decode_utf8().ok()?;
    (!text.contains('\0')).then(|| text.into_owned())
}
