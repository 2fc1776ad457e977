//! From the typed 1.5 core to the JSON of the wanted version. `cyclonedx-bom` writes 1.5 at most; the few fields of 1.6 and 1.7 that
//! we use are added here, and checked against the schemas in CI.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::SpecVersion;
use super::component::Extra;
use super::service::External;
use super::values;

/// The core with the fields that the wanted version adds.
pub(super) fn uplift(
    core: Value,
    version: SpecVersion,
    mut extras: BTreeMap<String, Extra>,
    externals: &[(External, String, BTreeSet<String>)],
) -> Map<String, Value> {
    let Value::Object(mut bom) = core else {
        return Map::new();
    };
    bom.insert("specVersion".to_owned(), version.as_str().into());
    bom.insert(
        "$schema".to_owned(),
        format!(
            "http://cyclonedx.org/schema/bom-{}.schema.json",
            version.as_str()
        )
        .into(),
    );
    let listed = bom
        .get_mut("components")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten();
    listed
        .filter_map(Value::as_object_mut)
        .for_each(|one| component(one, version, &mut extras));
    if let Some(root) = bom
        .get_mut("metadata")
        .and_then(|metadata| metadata.get_mut("component"))
        .and_then(Value::as_object_mut)
    {
        component(root, version, &mut extras);
    }
    // A leaf must say that it depends on nothing: consumers crash on the absent list, or take it for unknown.
    let dependencies = bom
        .get_mut("dependencies")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten();
    for dependency in dependencies.filter_map(Value::as_object_mut) {
        dependency.entry("dependsOn").or_insert_with(|| json!([]));
    }
    if version >= SpecVersion::V1_7 {
        externals.iter().for_each(|(external, reference, servers)| {
            add_external(&mut bom, external, reference, servers)
        });
    }
    bom
}

/// Only 1.7 can say of a component that it is no part of what is described; before, it would read as installed.
fn add_external(
    bom: &mut Map<String, Value>,
    external: &External,
    reference: &str,
    servers: &BTreeSet<String>,
) {
    let mut component = json!({
        "type": "application",
        "bom-ref": reference,
        "authors": [{ "name": values::NO_ASSERTION }],
        "name": external.name,
        "version": external.version,
        "isExternal": true,
        "licenses": [{ "license": { "name": values::NO_ASSERTION } }],
    });
    if let Some((group, name)) = external
        .name
        .rsplit_once('/')
        .filter(|_| external.name.starts_with('@'))
    {
        component["group"] = group.into();
        component["name"] = name.into();
    }
    if let Some(purl) = &external.purl {
        component["purl"] = purl.as_str().into();
    }
    let mut push = |list: &str, value: Value| {
        if let Some(list) = bom.entry(list).or_insert_with(|| json!([])).as_array_mut() {
            list.push(value);
        }
    };
    push("components", component);
    push("dependencies", json!({ "ref": reference, "dependsOn": [] }));
    push(
        "compositions",
        json!({ "aggregate": "unknown", "dependencies": [reference] }),
    );
    let dependencies = bom
        .get_mut("dependencies")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten();
    for dependency in dependencies.filter(|one| {
        one.get("ref")
            .and_then(Value::as_str)
            .is_some_and(|one| servers.contains(one))
    }) {
        if let Some(on) = dependency
            .get_mut("dependsOn")
            .and_then(Value::as_array_mut)
        {
            on.push(reference.into());
        }
    }
}

fn component(
    component: &mut Map<String, Value>,
    version: SpecVersion,
    extras: &mut BTreeMap<String, Extra>,
) {
    let extra = component
        .get("bom-ref")
        .and_then(Value::as_str)
        .and_then(|reference| extras.remove(reference));
    let extra = extra.unwrap_or_default();
    if let Some(data) = extra.data {
        component.insert("data".to_owned(), data);
    }
    if version == SpecVersion::V1_5 {
        return;
    }
    if let Some(authors) = extra.authors {
        // `author` is deprecated since 1.6.
        component.shift_remove("author");
        component.insert("authors".to_owned(), authors);
    }
    if let Some(manufacturer) = extra.manufacturer {
        component.insert("manufacturer".to_owned(), manufacturer);
    }
    if !extra.swhid.is_empty() {
        component.insert("swhid".to_owned(), json!(extra.swhid));
    }
    for license in component
        .get_mut("licenses")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        let target = if license.get("license").is_some() {
            license.get_mut("license")
        } else {
            Some(license)
        };
        if let Some(target) = target.and_then(Value::as_object_mut) {
            target.insert("acknowledgement".to_owned(), "declared".into());
        }
    }
    let concluded = component.get("purl").cloned();
    if let Some(identity) = component
        .get_mut("evidence")
        .and_then(|evidence| evidence.get_mut("identity"))
    {
        if let (Some(purl), Some(identity)) = (concluded, identity.as_object_mut()) {
            identity.insert("concludedValue".to_owned(), purl);
        }
        *identity = json!([identity.take()]);
    }
}
