//! Text to [`Json`].

use serde::de::DeserializeSeed;

use super::tree::{JSON_DEPTH_MAX, Json, Levels};

/// The JSON that a text is as a whole.
pub(super) fn parse(text: &str) -> Result<Json, serde_json::Error> {
    let mut from = serde_json::Deserializer::from_str(text);
    // Ours stands in its place.
    from.disable_recursion_limit();
    let json = Levels(JSON_DEPTH_MAX).deserialize(&mut from)?;
    from.end()?;
    Ok(json)
}
