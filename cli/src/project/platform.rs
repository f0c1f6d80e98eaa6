//! The keys that mean something to Cloudflare or to PartyKit's own platform and nothing here:
//! accepted, because a project must not be refused for them, and checked, because the original
//! checks them.

use super::error::ConfigError;
use super::node::{Entry, Node};

/// Checks `entry` if it is one of these keys; says whether it was.
pub(super) fn check(entry: &Entry<'_>) -> Result<bool, ConfigError> {
    let node = &entry.node;
    match entry.key {
        "$schema" | "team" | "preview" | "domain" | "analytics" | "compatibilityDate" => {
            node.string().map(drop)?;
        }
        "logpush" => node.boolean().map(drop)?,
        "compatibilityFlags" | "tailConsumers" => node.strings().map(drop)?,
        "crons" => node.string_record().map(drop)?,
        "ai" => ai(node)?,
        "vectorize" => vectorize(node)?,
        "bindings" => {
            for kind in node.strict(&["r2", "kv"])? {
                kind.node.string_record()?;
            }
        }
        "placement" => placement(node)?,
        "observability" => observability(node)?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn ai(node: &Node<'_>) -> Result<(), ConfigError> {
    if node.is_boolean() {
        return Ok(());
    }
    if !node.is_object() {
        return Err(node.wrong("true, false or an object"));
    }
    for entry in node.strict(&["apiGateway", "apiToken", "apiAccount"])? {
        entry.node.string()?;
    }
    Ok(())
}

fn vectorize(node: &Node<'_>) -> Result<(), ConfigError> {
    for index in node.record()? {
        if index.node.is_string() {
            continue;
        }
        if !index.node.is_object() {
            return Err(index.node.wrong("a string or an object"));
        }
        let entries = index.node.strict(&["index_name"])?;
        let Some(name) = entries.first() else {
            return Err(index.node.error("\"index_name\" is missing"));
        };
        name.node.string()?;
    }
    Ok(())
}

fn placement(node: &Node<'_>) -> Result<(), ConfigError> {
    let entries = node.strict(&["mode"])?;
    let Some(mode) = entries.first() else {
        return Err(node.error("\"placement.mode\" is missing"));
    };
    if mode.node.string()? != "smart" {
        return Err(mode.node.error("\"placement.mode\" can only be \"smart\""));
    }
    Ok(())
}

fn observability(node: &Node<'_>) -> Result<(), ConfigError> {
    for entry in node.strict(&["enabled", "head_sampling_rate"])? {
        match entry.key {
            "enabled" => entry.node.boolean().map(drop)?,
            _ => entry.node.number().map(drop)?,
        }
    }
    Ok(())
}
