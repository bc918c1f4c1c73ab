//! Reads settings that are numbers in a range.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use std::ops::RangeInclusive;

pub(super) fn wanted(range: &RangeInclusive<u32>) -> String {
    format!("write a number from {} to {}", range.start(), range.end())
}

pub(super) fn number_in<'de, D: Deserializer<'de>>(
    deserializer: D,
    range: &RangeInclusive<u32>,
) -> Result<u32, D::Error> {
    let number = i64::deserialize(deserializer)?;
    let inside = u32::try_from(number).ok().filter(|number| range.contains(number));
    inside.ok_or_else(|| D::Error::custom(format!("`{number}` is not valid: {}", wanted(range))))
}
