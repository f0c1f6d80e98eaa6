//! Any bytes as a stored value, and any text as its JSON: read or refused, and what is read comes
//! back the same from bytes and from JSON.

#![no_main]

use libfuzzer_sys::fuzz_target;
use partykit_value::Graph;

fuzz_target!(|data: &[u8]| {
    if let Ok(graph) = Graph::from_bytes(data) {
        same(&graph);
    }
    if let Some(graph) = std::str::from_utf8(data)
        .ok()
        .and_then(|text| Graph::from_json(text).ok())
    {
        same(&graph);
    }
});

fn same(graph: &Graph) {
    // Deeper than it may be.
    let Ok(bytes) = graph.to_bytes() else { return };
    let again = Graph::from_bytes(&bytes).unwrap();
    assert_eq!(again.to_bytes().unwrap(), bytes);
    let json = graph.to_json().unwrap();
    let again = Graph::from_json(&json).unwrap_or_else(|error| panic!("{json}: {error}"));
    assert_eq!(again.to_json().unwrap(), json);
    assert_eq!(again.to_bytes().unwrap(), bytes, "{json}");
}
